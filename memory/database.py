"""Opening the ledger's database: SQLite in WAL mode by default, PostgreSQL (or another SQL database) by URL.

SQLite facts that shape this file: a write transaction must start with BEGIN IMMEDIATE, or two writers can
deadlock past the busy time-out; `synchronous=FULL` is what makes an acknowledged commit survive power loss in
WAL mode; and switching a new file to WAL ignores the busy time-out. On PostgreSQL a snapshot needs REPEATABLE READ,
while a writer that waited for its turn must see what the one before it committed, so it runs at READ COMMITTED.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from memory.database_errors import sentence
from memory.errors import LedgerError

_WRITE = "pilotage_write"
_SETUP_LOCK = 7_105_645_171  # any number, the same in every process
_SQLITE_CACHE_KIB = 32_768  # of one connection, where it is needed; SQLite's own 2 MB make a search a fifth slower
_CONNECT_SECONDS = 10
_DRIVERS = {"psycopg": "pilotage[postgres]"}


class Database:
    """Connections to one SQL database, with its errors turned into sentences.

    Args:
        url: an SQLAlchemy URL.
        busy_seconds: how long a transaction waits for another process's write to end.
    """

    def __init__(self, url: str, *, busy_seconds: float = 30.0) -> None:
        self._busy_seconds = busy_seconds
        try:
            parsed = make_url(url)
        except (ArgumentError, ValueError):  # not quoted: it may hold a password
            raise LedgerError(
                "the database URL cannot be read: write it as postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE"
            ) from None
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        shown = parsed.render_as_string(hide_password=True)
        try:
            self.dialect = parsed.get_backend_name()
            self.name = (parsed.database if self.dialect == "sqlite" else None) or shown
            options: dict[str, Any] = {"connect_args": {"timeout": busy_seconds}}
            if self.dialect != "sqlite":
                # A pooled connection may have died with its server, which the ping finds out.
                options = {"pool_pre_ping": True}
            if self.dialect == "postgresql":
                options["connect_args"] = {"connect_timeout": _CONNECT_SECONDS}
            self._engine = create_engine(parsed, pool_size=8, max_overflow=-1, **options)
        except (ArgumentError, NoSuchModuleError) as error:
            raise LedgerError(f"'{shown}' is not a database URL that can be opened: {error}") from None
        except ModuleNotFoundError as error:
            package = _DRIVERS.get(str(error.name), error.name)
            raise LedgerError(
                f"'{shown}' needs the driver '{error.name}': install it with `pip install '{package}'`"
            ) from None
        if self.dialect == "sqlite":
            _prepare_sqlite(self._engine, busy_seconds)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent snapshot. Raises LedgerError in one sentence."""
        with self._translated(), self._engine.connect() as connection:
            if self.dialect == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, durable when the block is left, undone when it raises."""
        with self._translated(), self._engine.connect() as connection:
            connection = connection.execution_options(**{_WRITE: True})
            with connection.begin():
                if self.dialect == "postgresql":
                    limit = f"{max(1, round(self._busy_seconds * 1000))}ms"
                    connection.execute(text("SELECT set_config('lock_timeout', :limit, true)"), {"limit": limit})
                yield connection

    def lock_for_setup(self, connection: Connection) -> None:
        """Let one process at a time make or change tables. On SQLite every write already is alone."""
        if self.dialect == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SETUP_LOCK})

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise sentence(self.name, error) from error


def _prepare_sqlite(engine: Engine, busy_seconds: float) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        _switch_to_wal(connection, busy_seconds)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA cache_size=-{_SQLITE_CACHE_KIB}")

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
