"""SQLite files that several processes share: the switch to WAL mode, and what to do where SQLite refuses."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pilotage.common.paths import require_descriptors

FILES = 4
"""That a connection has open at once: the database, its log, and what SQLite needs on the way."""


def switch_to_wal(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Puts a file into WAL mode. SQLite's own busy time-out does not hold for a new file's switch.

    Raises:
        sqlite3.OperationalError: another process has kept it locked for so long, or it cannot be written.
    """
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def remedy(error: sqlite3.OperationalError | OSError, busy_seconds: float) -> str:
    """What a user can do about a file that could not be opened, read or written, as the end of a sentence."""
    try:
        require_descriptors(FILES)
    except OSError:
        return (
            "this process may open no more files: raise the limit with `ulimit -n 1024` and run the same command again"
        )
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF  # beyond that it says where in SQLite it was
    if code == sqlite3.SQLITE_ERROR:
        return "it is some other database, so name another file"
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"another process has kept it locked for {busy_seconds:g} seconds: wait for it, or end it"
    return "check that the folder is writable and the disk is not full"


@contextmanager
def explained(
    what: str, unusable: Callable[[str], Exception], *, if_corrupt: str, busy_seconds: float = 30.0
) -> Iterator[None]:
    """Turns SQLite's and the file system's errors into one sentence.

    Args:
        what: begins the sentence, and names the file.
        unusable: the error that is raised, of a sentence.
        if_corrupt: what to do about a file that is no database, or is damaged.
        busy_seconds: for which the file was waited for.
    """
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        raise unusable(f"{what} cannot be used ({error}): {remedy(error, busy_seconds)}") from error
    except sqlite3.DatabaseError as error:
        raise unusable(f"{what} is corrupt ({str(error).splitlines()[0]}): {if_corrupt}") from error
