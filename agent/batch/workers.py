"""Workers that share a list of work, and what ends it: an endpoint that refuses one after another answers nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from pilotage.agent.errors import ModelUnavailable, PilotageError


async def at_once(work: Callable[[], Coroutine[Any, Any, None]], workers: int) -> None:
    """Runs `workers` calls of `work` side by side, at least one, until each has returned.

    Raises:
        Exception: what the first call to fail raised; by then all others are cancelled and have ended.
    """
    running = [asyncio.create_task(work()) for _ in range(max(1, workers))]
    try:
        await asyncio.gather(*running)
    finally:
        for worker in running:
            worker.cancel()
        await asyncio.gather(*running, return_exceptions=True)


IN_A_ROW = 3
"""So many refused one after another, and none answered between, are no matter of what was asked."""


class Refusals:
    """What an endpoint refused since it last answered.

    Args:
        what: what it is asked for, for people.
    """

    def __init__(self, what: str = "tasks") -> None:
        self._what = what
        self._in_a_row = 0

    def answered(self) -> None:
        """One was answered."""
        self._in_a_row = 0

    def refused(self, error: PilotageError) -> None:
        """One was not.

        Raises:
            ModelUnavailable: that was one too many, so that the next would most likely meet the same.
        """
        self._in_a_row += 1
        if self._in_a_row >= IN_A_ROW:
            raise ModelUnavailable(f"{error} {self._in_a_row} {self._what} in a row met such a refusal.") from error
