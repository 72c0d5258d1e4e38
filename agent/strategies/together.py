"""Together: calls side by side within the budget, of which none goes on behind the back of whoever gave them up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pilotage.agent.errors import BadReply, BudgetExceeded, ModelUnavailable
from pilotage.agent.kit import Kit
from pilotage.agent.models.quiet import quiet

T = TypeVar("T")


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


@dataclass(frozen=True)
class Finished(Generic[T]):
    """What numbered calls came to.

    Attributes:
        results: of those that came to something, by their numbers.
        unusable: replies that were none, by their numbers.
        limit: of the budget, that refused the others.
    """

    results: Mapping[int, T]
    unusable: Mapping[int, BadReply]
    limit: BudgetExceeded | None


async def within_budget(
    kit: Kit, one: Callable[[Kit, int], Awaitable[T]], sizes: Iterable[tuple[int, int, int]]
) -> Finished[T]:
    """Makes calls at the same time, each from when the budget has room for the whole of it.

    One that would get less waits for those under way, which seldom use all that they reserve; with none under way it
    takes what is left. So what each may write depends on those before it, and not on which is quicker.

    Args:
        kit: pays; each call gets a branch of it.
        one: makes the call of a number.
        sizes: the number of each call, and the tokens of its prompt and of its completion at most.

    Raises:
        ModelUnavailable: nobody answers; calls under way are given up, and what they cost counts.
    """
    under_way: dict[asyncio.Future[T], int] = {}
    results: dict[int, T] = {}
    unusable: dict[int, BadReply] = {}
    limits: list[BudgetExceeded] = []

    async def settle() -> None:
        finished, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        for task in sorted(finished, key=under_way.__getitem__):
            number = under_way.pop(task)
            try:
                results[number] = task.result()
            except BudgetExceeded as limit:
                limits.append(limit)
            except ModelUnavailable:
                raise
            except BadReply as bad:
                unusable[number] = bad

    try:
        for number, prompt_tokens, completion_tokens in sizes:
            while under_way and not kit.meter.affords(prompt_tokens, completion_tokens):
                await settle()
            if limits:
                break
            with quiet():
                task = asyncio.ensure_future(one(kit.branch(), number))
            under_way[task] = number
            await asyncio.sleep(0)  # until it has reserved what it may use
        while under_way:
            await settle()
    finally:
        await given_up(under_way)
    return Finished(results, unusable, limits[0] if limits else None)
