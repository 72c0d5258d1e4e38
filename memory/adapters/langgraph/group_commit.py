"""Group commit: calls that come while others are being committed wait, and are then committed together.

One transaction costs about as much as one item in it, most of it for the disk. So a call that comes alone is carried
out at once, and a thousand that come together are a few transactions. Each call returns after its own commit.
"""

from __future__ import annotations

import asyncio
import contextvars
import copy
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

C = TypeVar("C")
MOST = 1000
"""Calls of one commit: the first of them waits for all."""


@dataclass
class _Queue(Generic[C]):
    """What waits on one event loop, oldest first."""

    waiting: deque[tuple[C, asyncio.Future[None]]] = field(default_factory=deque)
    worker: asyncio.Task[None] | None = None


class GroupCommit(Generic[C]):
    """Commits calls, in the order in which they came. It may be used on several event loops.

    Args:
        commit: carries some calls out, in a thread, and says of each what it raises, None for nothing. What it raises
            itself is raised to all of them.
    """

    def __init__(self, commit: Callable[[Sequence[C]], Sequence[Exception | None]]) -> None:
        self._commit = commit
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue[C]] = WeakKeyDictionary()

    async def __call__(self, call: C) -> None:
        """Returns when the call is committed. One that is cancelled while it waits for its turn is not carried out."""
        loop = asyncio.get_running_loop()
        queue, done = self._queues.setdefault(loop, _Queue()), loop.create_future()
        queue.waiting.append((call, done))
        if queue.worker is None:
            # In no caller's context: what it does is done for all of them.
            queue.worker = loop.create_task(self._work(queue), context=contextvars.Context())
        await done

    async def _work(self, queue: _Queue[C]) -> None:
        group: list[tuple[C, asyncio.Future[None]]] = []
        try:
            while queue.waiting:
                taken = [queue.waiting.popleft() for _ in range(min(MOST, len(queue.waiting)))]
                group = [(call, done) for call, done in taken if not done.done()]
                if group:
                    _tell(group, await self._outcomes([call for call, _ in group]))
        finally:
            queue.worker = None
            for _, done in (*group, *queue.waiting):  # the loop is being closed, or the process ended
                done.cancel()
            queue.waiting.clear()

    async def _outcomes(self, calls: list[C]) -> Sequence[Exception | None]:
        try:
            return await asyncio.to_thread(self._commit, calls)
        except Exception as error:
            return [error] * len(calls)


def _tell(group: list[tuple[C, asyncio.Future[None]]], outcomes: Sequence[Exception | None]) -> None:
    for (_, done), outcome in zip(group, outcomes, strict=True):
        if done.done():  # its caller was cancelled meanwhile; it is committed all the same
            continue
        if outcome is None:
            done.set_result(None)
        else:
            done.set_exception(copy.copy(outcome))  # each caller raises its own, with its own traceback
