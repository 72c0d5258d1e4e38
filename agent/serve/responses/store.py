"""ResponseStore: the responses that a server keeps, in one SQLite file that processes share."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pilotage.agent.errors import ResponseStoreUnusable
from pilotage.agent.serve.responses.entries import FILE, STORE_FORMAT
from pilotage.agent.serve.responses.items import Item
from pilotage.common.files import sync_folder
from pilotage.common.paths import data_dir, expanded
from pilotage.common.retention import DAY
from pilotage.common.sqlite import explained, switch_to_wal

BUSY_SECONDS = 30.0
LONGEST_CHAIN = 10_000
"""Responses that one continues, directly or not."""

# What is written again whenever a conversation goes on is kept apart from what is long. The place -1 has the response.
_SCHEMA = """
CREATE TABLE responses (id TEXT PRIMARY KEY, namespace TEXT NOT NULL, previous TEXT, used REAL NOT NULL);
CREATE INDEX by_use ON responses (namespace, used);
CREATE INDEX by_age ON responses (used);
CREATE TABLE items (
    response TEXT NOT NULL REFERENCES responses (id) ON DELETE CASCADE, place INTEGER NOT NULL, output INTEGER NOT NULL,
    id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (response, place)
);
CREATE INDEX by_item ON items (id);
CREATE TABLE erasures (namespace TEXT PRIMARY KEY, at REAL NOT NULL);
"""
_MINE = "(namespace = :own OR substr(namespace, 1, length(:own) + 1) = :own || '/')"
"""A namespace and those of its users below it."""
_ERASED = (
    "SELECT 1 FROM erasures WHERE at >= :begun "
    "AND (namespace = :own OR substr(:own, 1, length(namespace) + 1) = namespace || '/')"
)
_CHAIN = f"""
WITH RECURSIVE chain (id, previous, depth) AS (
    SELECT id, previous, 0 FROM responses WHERE id = :id AND namespace = :own AND used >= :since
    UNION ALL
    SELECT older.id, older.previous, depth + 1 FROM responses AS older JOIN chain ON older.id = chain.previous
    WHERE namespace = :own AND used >= :since AND depth < {LONGEST_CHAIN}
)
"""


@dataclass(frozen=True)
class Kept:
    """A response that is kept: the object that its client got, the items of its own input, and whose it is."""

    body: dict[str, Any]
    input: tuple[Item, ...]
    namespace: str


class ResponseStore:
    """Responses by id and namespace. What was acknowledged is on disk, and survives a kill and a loss of power.

    A response is kept for some days after it was made or continued, and of each namespace the last ones only. The file
    is made at first use, for its owner alone. By default it is `responses.sqlite` in the user's data folder.

    Args:
        path: the file.
        days: that a response is kept for.
        most: responses of one namespace that are kept.
        clock: the time, in seconds since 1970.

    Raises:
        ResponseStoreUnusable: by every method, where the file cannot be used; the text names it and says what to do.
    """

    def __init__(
        self,
        path: Path | str | None = None,
        *,
        days: float = 30.0,
        most: int = 10_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = (data_dir() / FILE if path is None else expanded(path)).absolute()
        self._seconds, self._most, self._clock = days * DAY, most, clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    @property
    def now(self) -> float:
        """The time, in seconds since 1970."""
        return self._clock()

    def keep(self, body: dict[str, Any], items: Sequence[Item], namespace: str, begun: float) -> bool:
        """Keeps a response with the items of its input, and forgets those that are too old or too many.

        Args:
            body: the response.
            items: of its own input.
            namespace: whose it is.
            begun: when its conversation was read. Where the namespace was erased since, nothing is kept, and the result
                is false.
        """
        now = self.now
        rows = [(0, {**body, "output": []}), *((0, item) for item in items), *((1, item) for item in body["output"])]
        with self._used("BEGIN IMMEDIATE") as connection:
            if connection.execute(_ERASED, {"own": namespace, "begun": begun}).fetchone() is not None:
                return False
            connection.execute(
                "INSERT INTO responses VALUES (?, ?, ?, ?)", (body["id"], namespace, body["previous_response_id"], now)
            )
            connection.executemany(
                "INSERT INTO items VALUES (?, ?, ?, ?, ?)",
                [(body["id"], place, of, one["id"], json.dumps(one)) for place, (of, one) in enumerate(rows, -1)],
            )
            if (previous := body["previous_response_id"]) is not None:
                about = {"id": previous, "own": namespace, "since": now - self._seconds, "now": now}
                connection.execute(
                    f"{_CHAIN} UPDATE responses SET used = :now WHERE id IN (SELECT id FROM chain)", about
                )
            for forgotten in ("responses WHERE used", "erasures WHERE at"):
                connection.execute(f"DELETE FROM {forgotten} < ?", (now - self._seconds,))
            connection.execute(
                "DELETE FROM responses WHERE id IN (SELECT id FROM responses WHERE namespace = ? "
                "ORDER BY used DESC, rowid DESC LIMIT -1 OFFSET ?)",
                (namespace, self._most),
            )
        return True

    def find(self, id: str, namespace: str) -> Kept | None:
        """A response of a namespace, or of one of its users; None where there is none."""
        about = {"id": id, "own": namespace, "since": self._since}
        with self._used() as connection:
            rows = connection.execute(
                "SELECT namespace, output, body FROM responses JOIN items ON response = responses.id "
                f"WHERE responses.id = :id AND used >= :since AND {_MINE} ORDER BY place",
                about,
            ).fetchall()
        if not rows:
            return None
        (whose, _, body), *items = rows
        read = [(output, json.loads(one)) for _, output, one in items]
        return Kept(
            {**json.loads(body), "output": [item for output, item in read if output]},
            tuple(item for output, item in read if not output),
            whose,
        )

    def conversation(self, id: str, namespace: str) -> tuple[Item, ...] | None:
        """All items up to the end of a response of a namespace, with those that it continues.

        None where the response, or one that it continues, is not there.
        """
        about = {"id": id, "own": namespace, "since": self._since}
        with self._used() as connection:
            chain = connection.execute(f"{_CHAIN} SELECT id, previous FROM chain ORDER BY depth DESC", about).fetchall()
            if not chain or chain[0][1] is not None:
                return None
            rows = connection.execute(
                f"{_CHAIN} SELECT items.body FROM items JOIN chain ON response = chain.id "
                "WHERE place >= 0 ORDER BY depth DESC, place",
                about,
            ).fetchall()
        return tuple(json.loads(body) for (body,) in rows)

    def item(self, id: str, namespace: str) -> Item | None:
        """An item of a response of a namespace; None where there is none."""
        with self._used() as connection:
            row = connection.execute(
                "SELECT items.body FROM items JOIN responses ON responses.id = response "
                "WHERE items.id = ? AND place >= 0 AND namespace = ? AND used >= ? ORDER BY used DESC LIMIT 1",
                (id, namespace, self._since),
            ).fetchone()
        return None if row is None else json.loads(row[0])

    def delete(self, id: str, namespace: str) -> bool:
        """Deletes a response of a namespace, or of one of its users; whether there was one."""
        with self._used("BEGIN IMMEDIATE") as connection:
            about = {"id": id, "own": namespace}
            return connection.execute(f"DELETE FROM responses WHERE id = :id AND {_MINE}", about).rowcount > 0

    def erase(self, namespace: str) -> None:
        """Deletes all responses of a namespace and of its users, and overwrites what they took.

        What is under way brings nothing back.
        """
        with self._used("BEGIN IMMEDIATE") as connection:
            connection.execute(f"DELETE FROM responses WHERE {_MINE}", {"own": namespace})
            connection.execute("INSERT OR REPLACE INTO erasures VALUES (?, ?)", (namespace, self.now))
        with self._used("PRAGMA wal_checkpoint(TRUNCATE)"):  # the log has it too
            pass

    def check(self) -> None:
        """Opens the file, so that what it has to say is said before a response is paid for."""
        with self._used():
            pass

    def close(self) -> None:
        """Closes the file; a later use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _since(self) -> float:
        return self._clock() - self._seconds

    @contextmanager
    def _used(self, begin: str = "BEGIN") -> Iterator[sqlite3.Connection]:
        """The connection, in one transaction: durable when the block is left, undone when it raises."""
        with self._lock, self._explained():
            if self._connection is not None and self._there() != self._file:
                # A new file beside the old one's log would take over what that holds.
                raise ResponseStoreUnusable(
                    f"{self.path}, which keeps responses, was removed or replaced while it was in use: end every "
                    f"program that uses it, delete {self.path.name}-wal and {self.path.name}-shm, and start them again"
                )
            connection = self._connection or self._open()
            connection.execute(begin)
            try:
                yield connection
                connection.commit()
            except BaseException:
                connection.rollback()
                raise

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):  # no one else may read what people said, whatever the process's mask says
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            sync_folder(self.path.parent)
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > STORE_FORMAT:
                raise ResponseStoreUnusable(f"{self.path} was written by a newer pilotage: upgrade, or name another")
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):  # no other database
                connection.execute("SELECT id, namespace, previous, used FROM responses LIMIT 0")
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of a new file: `pilotage cache prune` shrinks it
            switch_to_wal(connection, BUSY_SECONDS)
            for pragma in ("synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
                connection.execute(f"PRAGMA {pragma}")
            if not version:
                _make(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._file = connection, self._there()
        return connection

    def _there(self) -> tuple[int, int] | None:
        try:
            facts = os.stat(self.path)
        except FileNotFoundError:
            return None
        return facts.st_dev, facts.st_ino

    def _explained(self) -> AbstractContextManager[None]:
        remedy = "restore it from a backup, or move it away"
        what = f"{self.path}, which keeps responses,"
        return explained(what, ResponseStoreUnusable, if_corrupt=remedy, busy_seconds=BUSY_SECONDS)


def _make(connection: sqlite3.Connection) -> None:
    """Makes the tables, unless another process has just done so."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("PRAGMA user_version").fetchone() == (0,):
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {STORE_FORMAT}")
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
