"""ResponseFile: the SQLite file of the responses, which processes and threads share, and whose errors name it."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from pilotage.agent.errors import ResponseStoreUnusable
from pilotage.agent.serve.responses.entries import STORE_FORMAT
from pilotage.common.files import sync_folder
from pilotage.common.sqlite import explained, switch_to_wal

BUSY_SECONDS = 30.0

# What is written again whenever a conversation goes on is kept apart from what is long. The place -1 has the response.
_SCHEMA = """
CREATE TABLE responses (
    id TEXT PRIMARY KEY, namespace TEXT NOT NULL, previous TEXT, used REAL NOT NULL,
    begun REAL NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX by_use ON responses (namespace, used, bytes);
CREATE INDEX by_age ON responses (used);
CREATE TABLE items (
    response TEXT NOT NULL REFERENCES responses (id) ON DELETE CASCADE, place INTEGER NOT NULL, output INTEGER NOT NULL,
    id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (response, place)
);
CREATE INDEX by_item ON items (id);
CREATE TABLE erasures (digest TEXT NOT NULL, below INTEGER NOT NULL, at REAL NOT NULL, PRIMARY KEY (digest, below));
"""
_OF_FORMAT_1 = """
ALTER TABLE responses ADD COLUMN begun REAL NOT NULL DEFAULT 0;
ALTER TABLE responses ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE responses SET
    begun = coalesce(
        (SELECT json_extract(body, '$.created_at') FROM items WHERE response = responses.id AND place = -1), 0
    ),
    bytes = (SELECT coalesce(sum(length(body)), 0) FROM items WHERE response = responses.id);
DROP INDEX by_use;
CREATE INDEX by_use ON responses (namespace, used, bytes);
DROP TABLE erasures;
CREATE TABLE erasures (digest TEXT NOT NULL, below INTEGER NOT NULL, at REAL NOT NULL, PRIMARY KEY (digest, below));
"""


class ResponseFile:
    """One connection, which is made at first use, to a file that nobody else may read.

    Raises:
        ResponseStoreUnusable: by every method but `close`; the text names the file and says what to do.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def clear_log(self) -> tuple[str, ...]:
        """Overwrites SQLite's log, which has the deleted text too; what is to be told where it cannot be done now."""
        with self._lock, self._explained():
            connection = self._connection or self._open()
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            return ()
        return (
            f"the responses are deleted, but {self.path.name}-wal holds their text until the program that is reading "
            f"{self.path} ends: end it, and erase again",
        )

    def close(self) -> None:
        """Closes the file; a later use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def used(self, begin: str = "BEGIN") -> Iterator[sqlite3.Connection]:
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
            if version < STORE_FORMAT:
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
    """Makes the tables, or brings those of before up to date, unless another process has just done so."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version < STORE_FORMAT:
            for statement in (_OF_FORMAT_1 if version else _SCHEMA).split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {STORE_FORMAT}")
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
