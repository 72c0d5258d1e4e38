"""Side by side: a scripted model by which tests see how many calls are, without a clock, and threads for them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from pilotage.agent import ScriptedChatModel


class TogetherChatModel(ScriptedChatModel):
    """Answers only once `parties` calls wait for it at the same time, then the next `parties`, and so on.

    Calls that do not come together never get an answer: whoever uses it sets a limit of many seconds.
    """

    parties: int
    _barrier: asyncio.Barrier | None = None

    async def _agenerate(self, *arguments, **options):
        if self._barrier is None:
            self._barrier = asyncio.Barrier(self.parties)
        async with asyncio.timeout(60):
            await self._barrier.wait()
        return await super()._agenerate(*arguments, **options)


@contextmanager
def pool_of(number):
    """A pool of so many threads. Who leaves it by an error waits for none of them: they may be stuck."""
    pool = ThreadPoolExecutor(number)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
