"""SlidingWindow: what was charged in the last minute, in memory that does not grow with the amount."""

from __future__ import annotations

import math
from collections import deque

SECONDS = 60
"""Of a window."""
MOST_SECONDS = 600
"""That a debt may close a window for, however large it is."""


class SlidingWindow:
    """Charges of the last 60 s, by the second, under a limit.

    A charge counts until 60 s after the end of the second in which it was made: up to a second too long, never too
    short. So no 60 s hold more than the limit, and 61 sums stand for any number of charges.

    What is charged beyond the limit is a debt. It delays everything that the window holds by the time in which the
    limit would have allowed it, so that in the long run no more is used than the limit says; a delay ends after ten
    minutes at the latest, and what was not paid by then is forgiven.

    Times are seconds of a clock that never goes back.
    """

    def __init__(self) -> None:
        self._charges: deque[tuple[float, int]] = deque()  # when each ceases to count, and its amount; the next first
        self._total = 0

    def used(self, now: float) -> int:
        """What counts at this time; never more than the limit."""
        while self._charges and self._charges[0][0] <= now:
            self._total -= self._charges.popleft()[1]
        return self._total

    def charge(self, now: float, amount: int, limit: int) -> None:
        """Counts an amount from now on; what does not fit under the limit is a debt."""
        fitting = min(amount, max(0, limit - self.used(now)))
        if fitting:
            self._add(now, fitting)
        debt = min(amount - fitting, limit * MOST_SECONDS)
        if debt:
            delay, last = SECONDS * debt / limit, now + MOST_SECONDS
            self._charges = deque((min(end + delay, last), one) for end, one in self._charges)

    def _add(self, now: float, amount: int) -> None:
        self._total += amount
        end = _end(now)
        if self._charges and self._charges[-1][0] >= end:
            end, before = self._charges.pop()
            amount += before
        self._charges.append((end, amount))

    def reset(self, now: float, unsettled: int = 0) -> float:
        """Seconds until nothing counts any more; what is unsettled is taken to be charged now."""
        used = self.used(now)
        ends = ([self._charges[-1][0]] if used else []) + ([_end(now)] if unsettled else [])
        return max(ends, default=now) - now

    def wait(self, now: float, amount: int, limit: int, unsettled: int = 0) -> float:
        """Seconds until an amount fits, 0 where it fits now.

        Args:
            now: this time.
            amount: at most the limit, so that it fits at some time.
            limit: of the window.
            unsettled: what counts beside the charges and is taken to be charged now.
        """
        over = self.used(now) + unsettled + amount - limit
        if over <= 0:
            return 0.0
        for end, one in sorted([*self._charges, (_end(now), unsettled)]):
            over -= one
            if over <= 0:
                return end - now
        raise ValueError(f"{amount} never fits under a limit of {limit}")


def _end(now: float) -> float:
    return math.floor(now) + 1 + SECONDS
