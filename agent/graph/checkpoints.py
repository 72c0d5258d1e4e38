"""Checkpoints: the graph over a SQLite file of checkpoints, opened once for every event loop that it is used on.

A connection and its locks belong to the loop that opened them, and end with it (`asyncio.run` closes what is left of
one). So an agent that is used under one loop after another opens its file again under each.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import ValidationError

from pilotage.agent.components import Components
from pilotage.agent.errors import AgentClosed, CheckpointsUnusable, UsageError
from pilotage.agent.event_loop import EventLoopThread
from pilotage.agent.graph.build import build_graph
from pilotage.agent.task import Task
from pilotage.common.locks import FileLock
from pilotage.common.paths import expanded
from pilotage.common.retention import Entries, InUse, Retention, prune

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

    from pilotage.agent.graph.saver import CheckpointSaver

    Durable = tuple[CompiledStateGraph[Any, Any, Any, Any], CheckpointSaver]

_log = logging.getLogger(__name__)

KEPT = Retention(days=30.0, most_bytes=2**30)
"""By default."""
_TICKS_OF_1970 = 0x01B21DD213814000
"""Since 1582, in tenths of microseconds, from which UUIDs count."""


@dataclass
class _Opened:
    """What one event loop has of the file."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    durable: Durable | None = None
    closed: bool = False


class DurableGraph:
    """An agent's graph whose runs are kept in a SQLite file, made with its folder where they are missing.

    Of each thread the newest checkpoint is kept, as long as `keep` says; that is looked at when the file is opened.

    Raises:
        UsageError: the path names no file.
    """

    def __init__(
        self, path: str | Path, components: Components, thread: EventLoopThread, keep: Retention = KEPT
    ) -> None:
        if not str(path).strip():
            raise UsageError("checkpoints= is empty: name a SQLite file, which is made if it is missing")
        self._path = expanded(path)
        self._components = components
        self._thread = thread
        self._keep = keep
        self._opened: dict[asyncio.AbstractEventLoop, _Opened] = {}

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Stands around a run that is kept under the running loop.

        Raises:
            AgentClosed: the file was closed under it, in place of what a closed connection raises.
        """
        opened = self._opened.get(asyncio.get_running_loop())
        try:
            yield
        except (ValueError, CheckpointsUnusable) as error:
            if opened is None or not opened.closed:
                raise
            raise AgentClosed(
                "the agent was closed while this run was being kept: close it once all calls are back; the same thread "
                "id goes on from there"
            ) from error

    def holding(self, thread_id: str) -> FileLock:
        """Holds a thread until it is closed: two runs of one thread would write over each other's steps.

        Raises:
            UsageError: another run holds it, or nothing can be kept here.
        """
        name = thread_name(thread_id)
        busy = UsageError(f"the thread {name!r} is at work in another run: wait for it, or give another thread id")
        try:
            return _lock_of(self._path, name, busy)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> UsageError:
        return UsageError(
            f"checkpoints cannot be kept in {str(self._path)!r} ({error}): name a SQLite file that can be written, or "
            "one that does not exist yet"
        )

    async def here(self) -> Durable:
        """The graph and its saver for the running loop.

        Raises:
            UsageError: the file cannot be opened, or is none of SQLite's.
        """
        self._opened = {loop: opened for loop, opened in self._opened.items() if not loop.is_closed()}
        opened = self._opened.setdefault(asyncio.get_running_loop(), _Opened())
        async with opened.lock:
            if opened.durable is None:
                opened.durable = await self._open(opened.stack)
            return opened.durable

    async def _open(self, stack: AsyncExitStack) -> Durable:
        from pilotage.agent.graph.saver import CheckpointSaver

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            saver = await stack.enter_async_context(CheckpointSaver.from_conn_string(str(self._path)))
            assert isinstance(saver, CheckpointSaver)
            saver.path = self._path
            await saver.setup()
            await self._forget_old()
        except (OSError, sqlite3.Error, ValueError) as error:
            await stack.aclose()
            raise self._unusable(error) from error
        return build_graph(self._components, saver, self._thread), saver

    async def _forget_old(self) -> None:
        try:
            await asyncio.to_thread(prune, self._path, entries_of(self._path), self._keep, give_back=False)
        except (OSError, sqlite3.Error) as error:  # a run can be kept all the same: the next opening comes
            _log.warning("old checkpoints in %s were not forgotten this time: %s", self._path, error)

    async def aclose(self) -> None:
        """Releases what the running loop has of the file; what another has of it is released where that one ends."""
        opened = self._opened.pop(asyncio.get_running_loop(), None)
        if opened is not None:
            opened.closed = True
            await opened.stack.aclose()


def entries_of(path: Path) -> Entries:
    """The threads of a file, for `pilotage cache`; a thread at work is held."""

    def hold(thread_id: str) -> FileLock:
        return _lock_of(path, thread_id, InUse(thread_id))

    return Entries(
        "checkpoints",
        "SELECT thread_id AS id, written(max(checkpoint_id)) AS at, '' AS kind, "
        "sum(length(checkpoint) + length(metadata)) + coalesce((SELECT sum(length(value)) FROM writes "
        "WHERE writes.thread_id = checkpoints.thread_id), 0) AS bytes FROM checkpoints GROUP BY thread_id",
        ("DELETE FROM checkpoints WHERE thread_id = :id", "DELETE FROM writes WHERE thread_id = :id"),
        functions={"written": partial(_written, unknown=time.time())},
        hold=hold,
    )


def _lock_of(path: Path, thread_id: str, busy: Exception) -> FileLock:
    # A file for each thread stays there: whoever removes one that another waits for would let two of them in.
    folder = path.with_name(f"{path.name}.locks")
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{hashlib.sha256(thread_id.encode()).hexdigest()[:32]}.lock", busy)


def _written(checkpoint_id: str, *, unknown: float) -> float:
    """When a checkpoint was written, in seconds since 1970: LangGraph's ids are UUIDs of version 6, which tell.

    Of those of another saver nobody knows, so they are as new as `unknown` says.
    """
    try:
        id_ = UUID(checkpoint_id)
    except ValueError:
        return unknown
    if id_.version != 6:
        return unknown
    ticks = (id_.int >> 96) << 28 | (id_.int >> 80 & 0xFFFF) << 12 | id_.int >> 64 & 0xFFF
    return (ticks - _TICKS_OF_1970) / 1e7


def goes_on(kept: Mapping[str, Any], task: Task, worker: str) -> bool:
    """Whether a kept run is one of this agent on this task; one of another version, which cannot be read, is not."""
    try:
        return kept.get("worker") == worker and Task.model_validate(kept.get("working")) == task.public()
    except ValidationError:
        return False


def thread_name(given: object) -> str:
    """A thread id as it can be kept; raises UsageError where it is no text that can be written."""
    name = str(given)
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UsageError(f"the thread id {name!a} holds half a character and cannot be kept: give another") from None
    return name
