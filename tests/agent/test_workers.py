"""Workers that share a list of work."""

import asyncio

import pytest

from pilotage.agent.batch.workers import at_once


async def test_they_share_the_work_and_none_is_done_twice():
    waiting, done = iter(range(10)), []

    async def work() -> None:
        for item in waiting:
            await asyncio.sleep(0)
            done.append(item)

    await at_once(work, 3)
    assert sorted(done) == list(range(10))


async def test_one_that_fails_ends_all_before_it_is_raised():
    ended = []

    async def work() -> None:
        if not started:
            started.append(True)
            raise ValueError("the first one")
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    started: list[bool] = []
    with pytest.raises(ValueError, match="the first one"):
        await at_once(work, 3)
    assert len(ended) == 2


async def test_there_is_always_one():
    calls = []

    async def work() -> None:
        calls.append(True)

    await at_once(work, 0)
    assert calls == [True]
