"""Opening the ledger's database: SQLite in WAL mode by default, PostgreSQL by URL.

What each of the two needs stands in `pilotage.memory.ledger.sqlite` and `pilotage.memory.ledger.postgres`.
"""

from __future__ import annotations

import copy
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from sqlalchemy import Connection, RootTransaction, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from pilotage.memory.errors import LedgerError, StoreClosed
from pilotage.memory.ledger.database_errors import not_committed, sentence
from pilotage.memory.ledger.postgres import CONNECT, PostgresLimits, Ticket
from pilotage.memory.ledger.sqlite import FRESH, WRITE, prepare_sqlite

_KINDS = ("sqlite", "postgresql")
_DRIVERS = {"psycopg": "pilotage[postgres]"}

_sharing = Lock()


class Database:
    """Connections to one SQL database, with its errors turned into sentences.

    A transaction waits `busy_seconds` for another process's to end.
    """

    def __init__(self, url: str, *, busy_seconds: float = 30.0) -> None:
        self._pid = os.getpid()
        try:
            parsed = make_url(url)
        except (ArgumentError, ValueError):  # not quoted: it may hold a password
            raise LedgerError(
                "the database URL cannot be read: write it as postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE"
            ) from None
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        shown = parsed.render_as_string(hide_password=True)
        if parsed.drivername.partition("+")[0] not in _KINDS or (
            parsed.drivername.startswith("sqlite") and parsed.database in (None, "", ":memory:")
        ):
            raise LedgerError(
                f"'{shown}' is no place for a memory: give a folder, sqlite:////PATH/TO/FILE or "
                "postgresql://USER:PASSWORD@HOST:PORT/DATABASE (a Chroma server goes to `index`); a memory that is "
                "gone when it is closed is `ConceptStore.temporary()`"
            )
        try:
            self.dialect = parsed.get_backend_name()
            self.name = (parsed.database if self.dialect == "sqlite" else None) or shown
            connect: dict[str, Any] = {"timeout": busy_seconds}
            if self.dialect == "postgresql":
                connect = {name: value for name, value in CONNECT.items() if name not in parsed.query}
            # A pooled connection may have died with its server, which the ping finds out.
            ping = self.dialect == "postgresql"
            self._engine = create_engine(parsed, pool_size=8, max_overflow=-1, pool_pre_ping=ping, connect_args=connect)
        except (ArgumentError, NoSuchModuleError) as error:
            raise LedgerError(f"'{shown}' is not a database URL that can be opened: {error}") from None
        except ModuleNotFoundError as error:
            package = _DRIVERS.get(str(error.name), error.name)
            raise LedgerError(
                f"'{shown}' needs the driver '{error.name}': install it with `pip install '{package}'`"
            ) from None
        self._closed = False
        self._users: set[Database] = {self}
        self._limits: PostgresLimits | None = None
        if self.dialect == "sqlite":
            prepare_sqlite(self._engine, busy_seconds)
        else:
            self._limits = PostgresLimits(self._engine, busy_seconds)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent snapshot. Raises LedgerError in one sentence."""
        with self._connected() as connection:
            if self.dialect == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, durable when the block is left, undone when it raises.

        Raises:
            WriteUnknown: the server cannot be asked any more whether it committed.
            LedgerError: it did not.
        """
        with self._connected() as connection:
            connection = connection.execution_options(**{WRITE: True})
            with connection.begin() as transaction:
                ticket = self._limits.ticket(connection) if self._limits is not None else None
                yield connection
                self._commit(connection, transaction, ticket)

    def compact(self) -> None:
        """Give back the space of deleted rows, so that nothing of them is left in SQLite's files.

        PostgreSQL is only told that the space is free: it overwrites it in its own time.

        Raises:
            LedgerError: SQLite could not; the rows are deleted all the same.
        """
        with self._connected() as connection:
            if self.dialect == "postgresql":
                connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM")
                return
            driver = connection.connection.driver_connection
            assert driver is not None
            try:
                driver.execute("VACUUM")
                (busy, *_) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.Error as error:
                raise LedgerError(f"{self.name} could not be compacted ({error}): run `VACUUM` on it later") from error
            if busy:
                raise LedgerError(f"{self.name} is being read, so its log could not be emptied: close its readers")

    def lock_for_setup(self, connection: Connection) -> None:
        """Let one process at a time make or change tables. On SQLite every write already is alone."""
        if self._limits is not None:
            self._limits.lock_for_setup(connection)

    @property
    def inherited(self) -> bool:
        """Whether this process is a fork of the one that opened the database, to which the connections belong."""
        return os.getpid() != self._pid

    def require_open(self) -> None:
        """Raises StoreClosed, or what `require_own_process` does."""
        if self._closed:
            raise StoreClosed(f"the memory {self.name} was closed: open it again to use it")
        self.require_own_process()

    def require_own_process(self) -> None:
        """Raise LedgerError in a fork: its threads and connections stayed behind, and using them would hang or harm."""
        if self.inherited:
            raise LedgerError(
                f"{self.name} was opened in process {self._pid} before that forked this one: open the store anew in "
                "every process, or start the processes by 'spawn'"
            )

    def sharing(self) -> Database:
        """The same connections for another user; they are closed when all have closed theirs."""
        another = copy.copy(self)
        another._closed = False
        self._users.add(another)
        return another

    @property
    def in_use(self) -> bool:
        """Whether anybody who shares the connections has not closed them."""
        return bool(self._users)

    def close(self) -> None:
        """Close every connection; whoever asks for another one is refused. A fork leaves those of its parent alone.

        Connections that others share stay open.
        """
        with _sharing:
            self._closed = True
            self._users.discard(self)
            last = not self._users
        if last:
            self._engine.dispose(close=not self.inherited)

    def _commit(self, connection: Connection, transaction: RootTransaction, ticket: Ticket | None) -> None:
        if self._limits is None or ticket is None:
            transaction.commit()
            return
        try:
            with self._limits.commit(connection):
                transaction.commit()
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            outcome = self._limits.outcome(ticket)
            if outcome != "committed":
                raise not_committed(self.name, error, outcome) from error

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        self.require_open()
        try:
            with self._engine.connect() as connection:
                yield connection
                if not connection.invalidated and connection.info.get(FRESH):
                    connection.invalidate()
        except DBAPIError as error:
            raise sentence(self.name, error) from error
        except OverflowError as error:
            raise LedgerError(f"a number is larger than a database can count ({error}): choose a smaller one") from None
        except UnicodeEncodeError as error:
            raise LedgerError(
                f"a text holds half a character (at {error.start}, a lone surrogate), which no database can look up or "
                "store: leave it out; nothing was written"
            ) from None


_shared: dict[tuple[str, float], Database] = {}


def shared_database(url: str, *, busy_seconds: float = 30.0) -> Database:
    """Connections that everybody in this process shares who asks for them so. Raises as `Database` does."""
    key = (url, busy_seconds)
    with _sharing:
        first = _shared.get(key)
        if first is not None and first.in_use and not first.inherited:
            return first.sharing()
        made = _shared[key] = Database(url, busy_seconds=busy_seconds)
        return made
