"""KeyFile: the SQLite file of the key store, which processes and threads share, and whose errors name it."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pilotage.agent.errors import KeyStoreUnusable
from pilotage.agent.serve.keys.limits import Limits
from pilotage.common.files import sync_folder
from pilotage.common.sqlite import explained, switch_to_wal

STORE_FORMAT = 1
BUSY_SECONDS = 30.0

LIMITS = tuple(Limits.model_fields)
COLUMNS = ("id", "name", "namespace", "scopes", "learn", "per_user", *LIMITS, "created", "last_used", "revoked")
"""What is known of a key, beside the hash of its secret."""
SELECT = f"SELECT {', '.join(COLUMNS)} FROM keys"
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, name TEXT NOT NULL, namespace TEXT NOT NULL, scopes TEXT NOT NULL,
    learn INTEGER NOT NULL, per_user INTEGER NOT NULL, {", ".join(f"{limit} INTEGER" for limit in LIMITS)},
    created REAL NOT NULL, last_used REAL, revoked REAL
)
"""


@dataclass(frozen=True)
class _Opened:
    """A connection, and which file it is to."""

    connection: sqlite3.Connection
    file: tuple[int, int]


class KeyFile:
    """One connection to read and one to write: under WAL, who reads waits neither for a write nor for a process.

    Raises:
        KeyStoreUnusable: by every method but `close`; the text names the file and says what to do.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader: _Opened | None = None
        self._writer: _Opened | None = None
        self._read_lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._pid: int | None = None

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """To read what is committed now."""
        self._require_own_process()
        with self._read_lock, self._explained():
            self._reader = self._current(self._reader)
            yield self._reader.connection

    @contextmanager
    def write(self, makes_file: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction, durable when the block is left, undone when it raises."""
        self._require_own_process()
        with self._write_lock, self._explained():
            self._writer = self._current(self._writer, makes_file)
            with self._writer.connection as connection:
                connection.execute("BEGIN IMMEDIATE")
                yield connection

    def try_write(self, statement: str, *values: float | str) -> None:
        """Executes a statement, unless somebody else is writing or it cannot be written: it waits for nobody."""
        if not self._write_lock.acquire(blocking=False):
            return
        try:
            with self._explained(), suppress(sqlite3.OperationalError, OSError):
                self._writer = self._current(self._writer)
                connection = self._writer.connection
                connection.execute("PRAGMA busy_timeout = 0")
                try:
                    connection.execute(statement, values)
                finally:
                    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")
        finally:
            self._write_lock.release()

    def close(self) -> None:
        """Closes the file; a later use opens it again. In a fork it does nothing: the file is its parent's."""
        if self._is_inherited():
            return
        with self._read_lock, self._write_lock:
            for opened in filter(None, (self._reader, self._writer)):
                opened.connection.close()
            self._reader = self._writer = None

    def _current(self, held: _Opened | None, makes_file: bool = False) -> _Opened:
        """The connection that is held, or a new one; it is to the file that is there now."""
        if held is None and makes_file:
            self._make()
        try:
            facts = os.stat(self.path)
        except FileNotFoundError:
            file = None
        else:
            file = facts.st_dev, facts.st_ino
        if held is not None and held.file != file:
            # The keys that were read last may be revoked in the new file, and its log may still be that of the old one.
            raise KeyStoreUnusable(
                f"the key store {self.path} was removed or replaced while it was in use: end every program that uses "
                f"it, delete {self.path.name}-wal and {self.path.name}-shm if they are left, and start them again"
            )
        if file is None:
            raise KeyStoreUnusable(f"there is no key store {self.path}: `pilotage keys create` makes one")
        return held or _Opened(self._open(), file)

    def _make(self) -> None:
        """Makes the file, which no one else may read, whatever the process's mask says."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            sync_folder(self.path.parent)

    def _open(self) -> sqlite3.Connection:
        self._pid = os.getpid()
        connection = sqlite3.connect(
            f"file:{quote(os.fsencode(self.path))}?mode=rw",  # it was made before, so that its permissions are right
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.text_factory = lambda text: text.decode("utf-8", "replace")  # damaged, but no reason to show nothing
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > STORE_FORMAT:
                raise KeyStoreUnusable(f"{self.path} was written by a newer pilotage: upgrade, or name another file")
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
                connection.execute(f"{SELECT} LIMIT 0")  # no other database
            switch_to_wal(connection, BUSY_SECONDS)
            connection.execute("PRAGMA synchronous = FULL")  # under WAL, what was committed survives a loss of power
            if version < STORE_FORMAT:
                with connection:
                    connection.execute("BEGIN IMMEDIATE")
                    connection.execute(_SCHEMA)
                    connection.execute(f"PRAGMA user_version = {STORE_FORMAT}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _is_inherited(self) -> bool:
        return self._pid not in (None, os.getpid())

    def _require_own_process(self) -> None:
        if self._is_inherited():
            raise KeyStoreUnusable(
                f"{self.path} was opened in process {self._pid} before that forked this one: open the store anew in "
                "every process"
            )

    def _explained(self) -> AbstractContextManager[None]:
        remedy = "restore it from a backup, or move it away and create the keys anew"
        return explained(f"the key store {self.path}", KeyStoreUnusable, if_corrupt=remedy, busy_seconds=BUSY_SECONDS)
