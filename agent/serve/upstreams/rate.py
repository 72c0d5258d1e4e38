"""Rate of an upstream: calls wait for their turn, in the order in which they came, and not for longer than they may."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from pilotage.agent.errors import LimitReached, UpstreamBusy
from pilotage.agent.serve.keys.limits import Admission, Limiter, Limits


class UpstreamTurn:
    """A call that was let through; its tokens are taken to be what was expected until it has ended."""

    def __init__(self, admission: Admission, ended: Callable[[], None]) -> None:
        self._admission = admission
        self._ended: Callable[[], None] | None = ended

    def end(self, tokens: int) -> None:
        """The call is over, and took so many tokens; what it had reserved beyond them is free. Once is enough."""
        ended, self._ended = self._ended, None
        if ended is not None:
            self._admission.settle(tokens)
            self._admission.close()
            ended()


class UpstreamRate:
    """Requests and tokens a minute to one upstream from this process, for the calls of one event loop.

    The windows are those of keys (`Limiter`). A call that uses more tokens than it was taken to need delays those after
    it by what it was over. Only the first of those that wait asks for room, so that a small one does not overtake a
    large one for ever.

    Args:
        name: of the upstream.
        limits: a minute.
        longest_wait: seconds.
    """

    def __init__(self, name: str, limits: Limits, longest_wait: float) -> None:
        self._name = name
        self._limits = limits
        self._longest_wait = longest_wait
        self._limiter = Limiter()
        self._first = asyncio.Lock()  # hands on in the order of asking
        self._ended = asyncio.Event()
        self._under_way = 0
        self._wait = 1  # that the first of those who wait was told of last

    async def turn(self, tokens: int) -> UpstreamTurn:
        """Waits until a call may be made that is taken to need so many tokens. Given up, it leaves no trace.

        Raises:
            UpstreamBusy: it would wait for longer than a call may.
        """
        deadline = time.monotonic() + self._longest_wait
        try:
            async with asyncio.timeout(self._longest_wait), self._first:
                while True:
                    self._ended.clear()
                    try:
                        return self._let_through(tokens)
                    except LimitReached as reached:
                        self._wait = reached.retry_after
                    if not self._under_way and time.monotonic() + self._wait > deadline:
                        break  # nothing that is under way could give back what it had reserved
                    await self._ended_within(self._wait)
        except TimeoutError:
            pass
        raise self._busy(self._wait)

    def _let_through(self, tokens: int) -> UpstreamTurn:
        admission = self._limiter.admit(self._name, self._limits, tokens)
        self._under_way += 1
        return UpstreamTurn(admission, self._one_less)

    def _one_less(self) -> None:
        self._under_way -= 1
        self._ended.set()

    async def _ended_within(self, seconds: float) -> None:
        """Returns when a call has ended, or so many seconds have."""
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            pass

    def _busy(self, wait: int) -> UpstreamBusy:
        limits = self._limits
        allowed = [
            f"{most} {what} a minute"
            for most, what in ((limits.requests_per_minute, "requests"), (limits.tokens_per_minute, "tokens"))
            if most is not None
        ]
        return UpstreamBusy(
            f"the upstream {self._name} is limited to {' and '.join(allowed)}: try again in {wait} seconds",
            wait,
        )
