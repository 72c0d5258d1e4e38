"""Retention: entries of a SQLite file by age and size, counted and pruned while other processes use the file.

Whoever keeps a file describes its entries once (`Entries`), beside the code that writes them.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

DAY = 86_400.0
BUSY_SECONDS = 30.0
_BATCH = 200
"""Entries of one transaction: nobody who writes waits for long, and a kill loses no more than one batch's work."""
_PAGES = 2_000
"""Free pages that are given back in one transaction."""


class InUse(Exception):
    """An entry that somebody works with, and that is left alone."""


@dataclass(frozen=True)
class Retention:
    """How long entries are kept.

    Attributes:
        days: after which an entry goes; None for no end.
        most_bytes: that entries may take in the file, the oldest going first; None for no end.
    """

    days: float | None = None
    most_bytes: int | None = None


@dataclass(frozen=True)
class Entries:
    """What the entries of a file are, in SQL.

    Attributes:
        table: without it there is no entry yet.
        select: gives `id`, `at` (seconds since 1970), `bytes` and `kind` of every entry.
        delete: statements that delete the entry `:id`.
        format: greatest `user_version` that this version of the program knows.
        functions: of one argument that `select` uses, by name.
        hold: holds an entry that is to be deleted; raises InUse where somebody works with it.
        alone: whether the file holds nothing else, so that its size is theirs.
    """

    table: str
    select: str
    delete: tuple[str, ...]
    format: int = 0
    functions: dict[str, Callable[[str], float]] = field(default_factory=dict)
    hold: Callable[[str], AbstractContextManager[object]] = lambda id: nullcontext()
    alone: bool = True


@dataclass(frozen=True)
class Count:
    """What there is, or what went.

    Attributes:
        entries: how many.
        bytes: of the entries alone.
        oldest: seconds since 1970; None for no entry.
        newest: the same.
        kinds: entries by kind, the most frequent first.
    """

    entries: int = 0
    bytes: int = 0
    oldest: float | None = None
    newest: float | None = None
    kinds: dict[str, int] = field(default_factory=dict)


def file_bytes(file: Path) -> int:
    """What a SQLite file takes on the disk, its log with it; 0 where it is not there."""
    parts = (file.with_name(file.name + end) for end in ("", "-wal", "-shm"))
    return sum(part.stat().st_size for part in parts if part.is_file())


def count(file: Path, entries: Entries) -> Count:
    """What a file holds. Raises sqlite3.Error and OSError."""
    if not file.is_file():
        return Count()
    with _opened(file, entries) as connection:
        if not _has(connection, entries.table):
            return Count()
        whole = f"FROM ({entries.select})"
        number, size, oldest, newest = connection.execute(
            f"SELECT count(*), coalesce(sum(bytes), 0), min(at), max(at) {whole}"
        ).fetchone()
        kinds = connection.execute(f"SELECT kind, count(*) {whole} WHERE kind <> '' GROUP BY kind ORDER BY 2 DESC, 1")
        return Count(number, size, oldest, newest, {str(kind): times for kind, times in kinds})


def prune(
    file: Path,
    entries: Entries,
    keep: Retention,
    *,
    dry_run: bool = False,
    give_back: bool = True,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Count:
    """Deletes what is too old, and then the oldest until the rest is small enough; what is in use stays.

    Args:
        file: it may be in use by other processes, and need not be there.
        entries: what they are.
        keep: what stays.
        dry_run: only say what would go.
        give_back: make the file smaller too, which takes longer.
        on_progress: called with how many are gone, and of how many.

    Raises:
        sqlite3.Error, OSError: it cannot be done; what was deleted before is deleted.
    """
    if not file.is_file():
        return Count()
    with _opened(file, entries) as connection:
        if not _has(connection, entries.table):
            return Count()
        doomed = _doomed(connection, entries, keep)
        gone = doomed if dry_run else _delete(connection, entries, doomed, on_progress)
        if gone and give_back and not dry_run:
            shrink(connection, file)
    times = [at for _, at, _ in gone]
    return Count(len(gone), sum(size for _, _, size in gone), min(times, default=None), max(times, default=None))


def shrink(connection: sqlite3.Connection, file: Path) -> None:
    """Gives the free pages of a file back to the disk: in small steps where it can, else by writing it anew.

    Nothing is written anew where the disk has no room for that: free pages are then used for what comes.
    """
    if connection.execute("PRAGMA auto_vacuum").fetchone() == (2,):
        while connection.execute("PRAGMA freelist_count").fetchone()[0]:
            before = connection.execute("PRAGMA freelist_count").fetchone()[0]
            connection.execute(f"PRAGMA incremental_vacuum({_PAGES})").fetchall()
            if connection.execute("PRAGMA freelist_count").fetchone()[0] >= before:
                break
    elif shutil.disk_usage(file.parent).free > 2 * file.stat().st_size:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # from now on in small steps
        connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # no more than asked for: a reader may prevent it


def _doomed(connection: sqlite3.Connection, entries: Entries, keep: Retention) -> list[tuple[str, float, int]]:
    if entries.alone:
        names = ("page_count", "freelist_count", "page_size")
        pages, free, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
        taken = (pages - free) * size
    else:
        (taken,) = connection.execute(f"SELECT coalesce(sum(bytes), 0) FROM ({entries.select})").fetchone()
    too_much = max(0, taken - keep.most_bytes) if keep.most_bytes is not None else 0
    if keep.days is None and not too_much:
        return []
    rows = connection.execute(f"SELECT id, at, bytes FROM ({entries.select}) ORDER BY at, id").fetchall()
    since = time.time() - keep.days * DAY if keep.days is not None else float("-inf")
    # Pages hold more than the entries: each goes with its share of that.
    over = too_much / taken * sum(bytes_ for _, _, bytes_ in rows)
    doomed, gone = [], 0
    for id_, at, size in rows:
        if at >= since and gone >= over:
            break
        doomed.append((id_, at, size))
        gone += size
    return doomed


def _delete(
    connection: sqlite3.Connection,
    entries: Entries,
    doomed: list[tuple[str, float, int]],
    on_progress: Callable[[int, int], None],
) -> list[tuple[str, float, int]]:
    gone = []
    for start in range(0, len(doomed), _BATCH):
        with ExitStack() as held:
            batch = []
            for row in doomed[start : start + _BATCH]:
                try:
                    held.enter_context(entries.hold(row[0]))
                except InUse:
                    continue
                batch.append(row)
            connection.execute("BEGIN IMMEDIATE")
            try:
                # An entry that was used since it was looked at is newer now, and stays.
                fresh = f"SELECT at FROM ({entries.select}) WHERE id = ?"
                batch = [row for row in batch if connection.execute(fresh, row[:1]).fetchone() == (row[1],)]
                for statement in entries.delete:
                    connection.executemany(statement, [{"id": row[0]} for row in batch])
                connection.execute("COMMIT")
            except BaseException:
                connection.rollback()
                raise
        gone += batch
        on_progress(min(start + _BATCH, len(doomed)), len(doomed))
    return gone


@contextmanager
def _opened(file: Path, entries: Entries) -> Iterator[sqlite3.Connection]:
    """A connection that makes no file."""
    uri = f"file:{quote(os.fsencode(file))}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > entries.format:
            raise sqlite3.DatabaseError("it was written by a newer pilotage")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
        for name, function in entries.functions.items():
            connection.create_function(name, 1, function, deterministic=True)
        yield connection
    finally:
        connection.close()


def _has(connection: sqlite3.Connection, table: str) -> bool:
    """Whether a table is there: whoever made the file may have been killed before, or keep something else in it."""
    query = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
    return bool(connection.execute(query, (table,)).fetchone() == (1,))
