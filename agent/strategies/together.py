"""Together: calls side by side, of which none goes on behind the back of whoever gave them up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable
from typing import Any, TypeVar

from pilotage.agent.errors import BadReply, BudgetExceeded, ModelUnavailable

T = TypeVar("T")


async def or_none(work: Awaitable[T]) -> T | None:
    """What a call gives; nothing where its reply is unusable, or the budget has no room for it."""
    try:
        return await work
    except ModelUnavailable:
        raise
    except (BadReply, BudgetExceeded):
        return None


async def all_of(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What each gives, in their order; the first failure is raised once the others were given up and have ended."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        await given_up(tasks)


async def given_up(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancels what is still under way and waits for its end, so that what it cost is known."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
