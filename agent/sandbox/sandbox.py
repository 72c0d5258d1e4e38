"""Sandbox: runs generated Python programs, many at once, each within its limits."""

from __future__ import annotations

import asyncio
import os
from typing import Literal
from weakref import WeakKeyDictionary

from agent.sandbox.execution import Execution, Limits
from agent.sandbox.launch import Launcher
from agent.sandbox.process import run_command

SandboxMode = Literal["bubblewrap", "subprocess"]


class Sandbox:
    """Runs generated programs. Get one from `open_sandbox`, which makes sure that it isolates.

    Args:
        mode: which isolation it has.
        launch: prepares one run.
        limits: hard limits of each run.
        max_parallel: runs at one time, by default two a processor; further ones wait, which no limit counts.
    """

    def __init__(
        self,
        mode: SandboxMode,
        launch: Launcher,
        limits: Limits | None = None,
        max_parallel: int | None = None,
    ) -> None:
        self.mode = mode
        self.limits = limits or Limits()
        self._launch = launch
        self._max_parallel = max_parallel or 2 * (os.cpu_count() or 1)
        # One sandbox may serve several event loops, in turn or in threads; a semaphore serves only one.
        self._slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    async def run(self, code: str, *, stdin: str = "") -> Execution:
        """Runs `code` as a Python program of its own, with `stdin` as its input.

        A program that fails or passes a limit is a result, not an error. Cancelling kills the program.
        """
        slots = self._slots.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self._max_parallel))
        async with slots:
            with self._launch(code, self.limits) as launch:
                return await run_command(launch, self.limits, stdin=stdin)
