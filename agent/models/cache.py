"""ResponseCache: replies on disk, so that reruns are free and stopped experiments go on where they were."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import math
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from pilotage.agent.errors import CacheUnusable, PilotageError
from pilotage.agent.models.parsing.finish_reasons import CUT, WHOLE, finish_reason_of
from pilotage.agent.models.reply import Reply, Request
from pilotage.common.paths import cache_dir, expanded
from pilotage.common.retention import Entries, Retention, file_bytes, prune
from pilotage.common.sqlite import explained, require_known, switch_to_wal

_log = logging.getLogger(__name__)

FILE = "responses.sqlite"
CACHE_FORMAT = 1
BUSY_SECONDS = 30.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS responses (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, reply TEXT NOT NULL, created REAL NOT NULL
) WITHOUT ROWID
"""

ENTRIES = Entries(
    "responses",
    "SELECT key AS id, created AS at, length(CAST(reply AS BLOB)) + length(key) + length(model) + 8 AS bytes, "
    "model AS kind FROM responses",
    ("DELETE FROM responses WHERE key = :id",),
    CACHE_FORMAT,
)
KEPT = Retention(most_bytes=4 * 2**30)
"""By default: a reply costs money to have again, so none is too old."""
_PUTS_BETWEEN_SWEEPS = 1000
_ROOM = 0.9
"""Of the bound, that a sweep leaves: so that it is not swept all the time."""


class CacheStats(BaseModel):
    """What a response cache holds."""

    model_config = ConfigDict(frozen=True)

    path: Path
    entries: int
    file_bytes: int


class ResponseCache:
    """Replies by model, request and sample number, in one SQLite file that processes and threads may share.

    A reply is on disk before it is given out. Within a process, equal requests that are in flight at the same
    time become one call. The file is opened at first use; errors name it and say what to do. By default it is
    `responses.sqlite` in the user's cache folder. What is to be kept of it is looked at when it is written to.
    """

    def __init__(self, path: Path | str | None = None, *, keep: Retention = KEPT) -> None:
        self.path = cache_dir() / FILE if path is None else expanded(path)
        self._keep, self._puts = keep, 0
        self._flights: dict[str, Future[Reply | PilotageError | None]] = {}
        self._flights_lock = threading.Lock()
        # Two connections: a reader under WAL never waits for a writer's fsync, so a lookup is quick enough
        # for the event loop.
        self._reader: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None
        self._read_lock = threading.Lock()
        self._write_lock = threading.Lock()

    @staticmethod
    def key(identity: str, request: Request) -> str:
        """SHA-256 of the canonical JSON of everything that decides the answer."""
        whole = {"format": CACHE_FORMAT, "model": identity, "request": request.model_dump(mode="json")}
        text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    async def answer(
        self, key: str, call: Callable[[], Awaitable[Reply]], *, keep: Callable[[Reply], bool] = lambda reply: True
    ) -> Reply:
        """The stored reply for `key`; otherwise that of `call`, on disk before it is returned where it is kept."""
        while True:
            with self._flights_lock:
                flight = self._flights.get(key)
                leads = flight is None
                if flight is None:
                    flight = self._flights[key] = Future()
                    flight.set_running_or_notify_cancel()  # so that a cancelled follower cannot cancel it
            if leads:
                return await self._lead(key, flight, call, keep)
            outcome = await asyncio.wrap_future(flight)
            if isinstance(outcome, Reply):
                return outcome.replay()
            if outcome is not None:
                raise type(outcome)(str(outcome))  # its cost is charged once, to the task that made the call
            # The leader was cancelled: somebody else has to make the call.

    async def _lead(
        self,
        key: str,
        flight: Future[Reply | PilotageError | None],
        call: Callable[[], Awaitable[Reply]],
        keep: Callable[[Reply], bool],
    ) -> Reply:
        outcome: Reply | PilotageError | None = None
        try:
            if (stored := self.get(key)) is not None:
                outcome = stored
                return stored.replay()
            reply = await call()
            if keep(reply):
                await asyncio.to_thread(self.put, key, reply)
            outcome = reply
            return reply
        except PilotageError as error:
            outcome = error
            raise
        finally:
            with self._flights_lock:
                del self._flights[key]
            flight.set_result(outcome)

    def get(self, key: str) -> Reply | None:
        """The stored reply, as it was when it was paid for; None also where what is stored is no usable reply."""
        with self._read_lock, self._explained():
            self._reader = self._reader or self._open()
            return _stored(self._reader, key)

    def put(self, key: str, reply: Reply) -> None:
        """Stores a reply; it is on disk on return. The first usable one stored for a key stays."""
        row = (key, reply.model, reply.model_dump_json(), time.time())
        with self._write() as writer:
            writer.execute("BEGIN IMMEDIATE")
            if _stored(writer, key) is None:
                writer.execute("INSERT OR REPLACE INTO responses VALUES (?, ?, ?, ?)", row)
        self._sweep()

    def _sweep(self) -> None:
        """Forgets what is too old or too much, now and then."""
        self._puts += 1
        if self._puts % _PUTS_BETWEEN_SWEEPS != 1:
            return
        days, most = self._keep.days, self._keep.most_bytes
        if days is not None or (most is not None and file_bytes(self.path) > most):
            keep = Retention(days, None if most is None or file_bytes(self.path) <= most else int(most * _ROOM))
            try:
                with self._explained():
                    prune(self.path, ENTRIES, keep, give_back=False)  # the space is used for what comes
            except CacheUnusable as error:  # the reply is stored: the next turn comes
                _log.warning("old replies were not forgotten this time: %s", error)

    def stats(self) -> CacheStats:
        """How many replies there are, and how large the file is."""
        with self._write() as writer:
            (entries,) = writer.execute("SELECT count(*) FROM responses").fetchone()
            return CacheStats(path=self.path, entries=entries, file_bytes=self.path.stat().st_size)

    def clear(self) -> int:
        """Forgets every reply; returns how many there were."""
        with self._write() as writer:
            return writer.execute("DELETE FROM responses").rowcount

    def close(self) -> None:
        """Closes the file; a later use opens it again."""
        with self._read_lock, self._write_lock:
            for connection in filter(None, (self._reader, self._writer)):
                connection.close()
            self._reader = self._writer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """The writing connection, within one transaction."""
        with self._write_lock, self._explained():
            self._writer = self._writer or self._open()
            with self._writer:
                yield self._writer

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, check_same_thread=False)
        try:
            require_known(connection, CACHE_FORMAT)
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
                connection.execute("SELECT key, model, reply, created FROM responses LIMIT 0")  # no other database
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of a new file: `pilotage cache prune` shrinks it
            switch_to_wal(connection, BUSY_SECONDS)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(_SCHEMA)
            connection.execute(f"PRAGMA user_version = {CACHE_FORMAT}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _explained(self) -> AbstractContextManager[None]:
        remedy = "delete it and run again"
        return explained(f"the response cache {self.path}", CacheUnusable, if_corrupt=remedy, busy_seconds=BUSY_SECONDS)


def _stored(connection: sqlite3.Connection, key: str) -> Reply | None:
    """The usable reply in a row. Others are as good as none: one that cannot be read, or that is no whole answer."""
    # As bytes, because SQLite keeps what is no text, and would raise on it.
    row = connection.execute("SELECT CAST(reply AS BLOB) FROM responses WHERE key = ?", (key,)).fetchone()
    try:
        return None if row is None else _sound(Reply.model_validate_json(row[0]))
    except ValidationError:
        return None


def _sound(reply: Reply) -> Reply | None:
    """A stored reply as this version writes it; None where it cannot be true, or ended in the middle."""
    # Older versions kept the providers' own words, and said of a reply only whether all of it was estimated.
    ended = finish_reason_of(reply.finish_reason)
    usage = reply.usage
    if reply.estimated and not usage.estimated_calls:
        usage = usage.model_copy(update={"estimated_calls": usage.llm_calls})
    possible = all(math.isfinite(count) and count >= 0 for count in usage.model_dump().values())
    if ended not in (WHOLE, CUT) or not possible or not (reply.text.strip() or reply.piece):
        return None
    return reply.model_copy(update={"finish_reason": ended, "usage": usage})
