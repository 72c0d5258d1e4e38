"""Circuit: remembers for a while that an upstream failed, so that not every request waits for that again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable


class Circuit:
    """Open for so many seconds after a failure; then one request tries again while the others go on elsewhere.

    A failure that may be the request's doing opens it only where another one follows before any request is answered:
    nobody is to switch an upstream off for everybody.

    Args:
        seconds: that it stays open; 0 for never.
        clock: seconds, as `time.monotonic`.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._doubted = False
        self.until = -math.inf
        """When a request may try again."""

    def admits(self) -> bool:
        """Whether the upstream may be asked. Who is admitted to one that had failed tries for all the others."""
        now = self._clock()
        if now < self.until:
            return False
        if self.until > -math.inf:
            self.until = now + self._seconds
        return True

    def failed(self, *, surely: bool = True) -> None:
        """The upstream has failed, or `surely` false: it has failed at this request."""
        if self._seconds and (surely or self._doubted):
            self.until = self._clock() + self._seconds
        self._doubted = True

    def answered(self) -> None:
        """It has answered, if only to refuse a request for that request's own fault."""
        self._doubted = False
        self.until = -math.inf
