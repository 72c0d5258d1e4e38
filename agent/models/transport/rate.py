"""Rate: lets calls through no faster than an endpoint takes them. What keeps one is whoever knows its limits."""

from __future__ import annotations

from typing import Protocol


class Turn(Protocol):
    """A call that was let through."""

    def end(self, tokens: int) -> None:
        """The call is over, and took so many tokens."""


class Rate(Protocol):
    """Lets calls through in the order in which they came."""

    async def turn(self, tokens: int) -> Turn:
        """Waits until a call may be made that is taken to need so many tokens.

        Raises:
            UpstreamBusy: it would have to wait for too long.
        """
