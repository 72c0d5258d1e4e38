"""Workers that share a list of work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


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
