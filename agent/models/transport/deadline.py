"""Deadline: waits for a call no longer than it may take, whatever the call does about being cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

CANCEL_AGAIN_SECONDS = 0.05
"""Until it ends, work that was given up is cancelled again and again: libraries lose single cancellations."""

GOODBYE_SECONDS = 0.25
"""How long the caller of work that was given up waits for it to close its connection."""


class CancelledFromWithin(ConnectionError):
    """The work was cancelled, but not by those who wait for it."""


async def within(seconds: float | None, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns or raises, if it does so in time; None waits as long as it takes.

    The work runs as a task of its own, so neither its deadline nor the cancellation of its caller depends on it: the
    caller leaves, and the task is cancelled until it ends.

    Raises:
        TimeoutError: the time is up.
        CancelledFromWithin: the work was cancelled by something inside it.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        await _part_from(task)
        raise
    if not task.done():
        await _part_from(task)
        assert seconds is not None  # or the wait would have gone on
        raise TimeoutError(f"no answer within {seconds:g} seconds")
    if task.cancelled():
        raise CancelledFromWithin("the call was cancelled from within")
    return task.result()


async def _part_from(task: asyncio.Future[Any]) -> None:
    _cancel_until_done(task)
    await asyncio.wait({task}, timeout=GOODBYE_SECONDS)


def _cancel_until_done(task: asyncio.Future[Any]) -> None:
    # A timer and no task, because the end of an event loop cancels tasks, and then waits for this one.
    if not task.done():
        task.cancel()
        task.get_loop().call_later(CANCEL_AGAIN_SECONDS, _cancel_until_done, task)
    elif not task.cancelled():
        task.exception()  # nobody waits for it any more, so it counts as seen
