"""PostgreSQL connections of the ledger: limits on waiting, and what became of a commit whose answer was lost.

A snapshot needs REPEATABLE READ, while a writer that waited for its turn must see what the one before it committed, so
it runs at READ COMMITTED. No statement waits for a lock, or for the server, without limit: the server's own time-outs
come first and say what was wrong; but they come over the same line. Where that swallows every answer and stays open, a
client waits for ever: so after the deadline its socket is shut, which the driver takes for a lost connection.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import DBAPIError

CONNECT: dict[str, Any] = {
    "connect_timeout": 10,
    # A server that is gone is noticed within a minute, also by a connection that waits.
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 4,
    "tcp_user_timeout": 60_000,
}
_SETUP_LOCK = 7_105_645_171  # any number, the same in every process
_LONGEST = 120.0  # seconds of one statement; a search takes milliseconds, a page of an export a second
_GRACE = 10.0  # for the server's own time-out to arrive
_PAUSE = 0.1
_TICK, _PATIENCE = 0.5, 20  # seconds between two looks at the deadlines, and looks without any before the thread ends
_NO_LIMIT, _WATCH = "pilotage_no_limit", "pilotage_watch"  # in a connection's info

Outcome = Literal["committed", "aborted", "unknown"]
_TICKET = text("SELECT txid_current(), pg_backend_pid()")
_STATUS = text("SELECT txid_status(:transaction)")
# A server process that still waits for our COMMIT will never see it: the connection is gone.
_END = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = :process AND state LIKE 'idle in transaction%'"
)


@dataclass(frozen=True)
class Ticket:
    """By what the server knows a write: the number of its transaction, and the process that carries it out."""

    transaction: int
    process: int


class PostgresLimits:
    """Keeps the limits of one engine's connections; a statement waits `busy_seconds` for a lock."""

    def __init__(self, engine: Engine, busy_seconds: float) -> None:
        self._engine = engine
        self._busy_seconds = busy_seconds
        self._watchdog = Watchdog()
        self._statement_seconds = max(_LONGEST, 4 * busy_seconds)
        self._limits = (
            f"SET lock_timeout = {max(1, round(busy_seconds * 1000))}",
            f"SET statement_timeout = {round(self._statement_seconds * 1000)}",
        )
        event.listen(engine, "connect", self._on_connect)
        event.listen(engine, "before_cursor_execute", self._before)
        event.listen(engine, "after_cursor_execute", self._after)
        event.listen(engine, "handle_error", self._on_error)

    def ticket(self, connection: Connection) -> Ticket:
        """By what to ask for the transaction that has just begun."""
        connection.info.pop(_NO_LIMIT, None)
        return Ticket(*connection.execute(_TICKET).one())

    def lock_for_setup(self, connection: Connection) -> None:
        """Wait until no other process makes or changes tables, and keep the others waiting.

        The statements of this transaction may take their time then; waiting for locks stays limited.
        """
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SETUP_LOCK})
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.info[_NO_LIMIT] = True

    @contextmanager
    def commit(self, connection: Connection) -> Iterator[None]:
        """A limit on how long the server may take to acknowledge a commit."""
        watch = self._watchdog.arm(_descriptor(connection), self._busy_seconds + _GRACE)
        try:
            yield
        finally:
            self._watchdog.disarm(watch)

    def outcome(self, ticket: Ticket) -> Outcome:
        """What became of a write whose connection was lost while it was committed; asks until the server answers."""
        deadline = time.monotonic() + self._busy_seconds
        while True:
            try:
                with self._engine.connect() as connection, connection.begin():
                    status = connection.scalar(_STATUS, {"transaction": ticket.transaction})
                    if status in ("committed", "aborted"):
                        return "committed" if status == "committed" else "aborted"
                    if status == "in progress":
                        connection.execute(_END, {"process": ticket.process})
            except DBAPIError:
                pass  # the server cannot be asked yet
            if time.monotonic() > deadline:
                return "unknown"
            time.sleep(_PAUSE)

    def _on_connect(self, connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            for limit in self._limits:
                cursor.execute(limit)
        connection.commit()

    def _before(self, connection: Connection, *_: Any) -> None:
        if not connection.info.get(_NO_LIMIT):
            seconds = self._statement_seconds + _GRACE
            connection.info[_WATCH] = self._watchdog.arm(_descriptor(connection), seconds)

    def _after(self, connection: Connection, *_: Any) -> None:
        self._watchdog.disarm(connection.info.pop(_WATCH, 0))

    def _on_error(self, context: Any) -> None:
        if context.connection is not None and not context.connection.invalidated:
            self._after(context.connection)


def _descriptor(connection: Connection) -> int:
    raw: Any = connection.connection.dbapi_connection
    return int(raw.fileno())


class Watchdog:
    """Deadlines of any number of connections, kept by a thread that lives while there are any, and a little longer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: dict[int, tuple[float, int]] = {}
        self._last = 0
        self._thread: threading.Thread | None = None

    def arm(self, descriptor: int, seconds: float) -> int:
        """Shut the socket with this descriptor after so many seconds; returns what `disarm` takes."""
        with self._lock:
            self._last += 1
            self._due[self._last] = time.monotonic() + seconds, descriptor
            if self._thread is None or not self._thread.is_alive():  # a forked process has none
                self._thread = threading.Thread(target=self._watch, name="memory-watchdog", daemon=True)
                self._thread.start()
            return self._last

    def disarm(self, number: int) -> None:
        """The answer has come, or the connection is gone."""
        with self._lock:
            self._due.pop(number, None)

    def _watch(self) -> None:
        idle = 0
        while True:
            time.sleep(_TICK)
            with self._lock:
                now = time.monotonic()
                for number, (deadline, descriptor) in list(self._due.items()):
                    if now > deadline:
                        del self._due[number]
                        _shut(descriptor)
                idle = 0 if self._due else idle + 1
                if idle > _PATIENCE:
                    self._thread = None
                    return


def _shut(descriptor: int) -> None:
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as line:  # it may be closed by now
        line.shutdown(socket.SHUT_RDWR)
