"""Opening the ledger's database: SQLite in WAL mode by default, any other SQL database by URL.

SQLite facts that shape this file: a write transaction must start with BEGIN IMMEDIATE, or two writers can
deadlock past the busy time-out; `synchronous=FULL` is what makes an acknowledged commit survive power loss in
WAL mode; and switching a new file to WAL ignores the busy time-out.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from memory.errors import LedgerError, LedgerLocked, LedgerReadOnly

_WRITE = "pilotage_write"


class Database:
    """Connections to one SQL database, with its errors turned into sentences.

    Args:
        url: an SQLAlchemy URL.
        busy_seconds: how long a transaction waits for another process's write to end.
    """

    def __init__(self, url: str, *, busy_seconds: float = 30.0) -> None:
        try:
            parsed = make_url(url)
            self.name = parsed.database or parsed.render_as_string(hide_password=True)
            self.is_sqlite = parsed.get_backend_name() == "sqlite"
            options = {"connect_args": {"timeout": busy_seconds}} if self.is_sqlite else {}
            self._engine = create_engine(parsed, pool_size=8, max_overflow=-1, **options)
        except (ArgumentError, NoSuchModuleError) as error:
            raise LedgerError(f"'{url}' is not a database URL that can be opened: {error}") from None
        except ModuleNotFoundError as error:
            raise LedgerError(
                f"'{url}' needs the driver '{error.name}': install it with `pip install {error.name}`"
            ) from None
        if self.is_sqlite:
            _prepare_sqlite(self._engine, busy_seconds)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent snapshot. Raises LedgerError in one sentence."""
        with self._translated(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, durable when the block is left, undone when it raises."""
        with self._translated(), self._engine.connect() as connection:
            connection = connection.execution_options(**{_WRITE: True})
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._sentence(error) from error

    def _sentence(self, error: DBAPIError) -> LedgerError:
        reason = str(error.orig)
        if "readonly" in reason or "unable to open" in reason:
            return LedgerReadOnly(
                f"the concept ledger {self.name} cannot be written ({reason}): make the file and its folder writable, "
                "or choose another folder"
            )
        if "locked" in reason or "busy" in reason:
            return LedgerLocked(
                f"the concept ledger {self.name} is locked by another process: wait for it to finish, then try again"
            )
        if "is full" in reason:
            return LedgerError(f"the disk that holds {self.name} is full: nothing was written; free some space")
        if "not a database" in reason or "malformed" in reason:
            return LedgerError(f"{self.name} is not a readable concept ledger ({reason}): restore it from a backup")
        return LedgerError(f"the concept ledger {self.name} could not be used: {reason}")


def _prepare_sqlite(engine: Engine, busy_seconds: float) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        _switch_to_wal(connection, busy_seconds)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get(_WRITE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _switch_to_wal(connection: sqlite3.Connection, busy_seconds: float) -> None:
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
