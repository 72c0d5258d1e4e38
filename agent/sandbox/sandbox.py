"""Sandbox: runs generated Python programs, many at once, each within its limits."""

from __future__ import annotations

import asyncio
import os
from typing import Literal
from weakref import WeakKeyDictionary

from pilotage.agent.errors import SandboxUnavailable
from pilotage.agent.sandbox.execution import Execution, Limits
from pilotage.agent.sandbox.launch import Launcher
from pilotage.agent.sandbox.process import run_command
from pilotage.agent.telemetry.operations import executed, executing
from pilotage.agent.telemetry.spans import span

# Open files that the start of one program takes at most, twice over.
_DESCRIPTORS = 32

# What to do where the machine refuses a start.
LACKING = "allow this process more of what it lacks (`ulimit -a` shows its limits), or run fewer at once"
# Of the room for its files, how much a program itself may take.
_SHARE = 0.9

SandboxMode = Literal["bubblewrap", "subprocess"]


class Sandbox:
    """Runs generated programs. Get one from `open_sandbox`, which makes sure that it isolates.

    Args:
        mode: which isolation it has.
        launch: prepares one run.
        limits: hard limits of each run.
        max_parallel: runs at one time, by default two a processor, or fewer where the limit of open files is low;
            further ones wait, which no limit counts.
    """

    def __init__(
        self, mode: SandboxMode, launch: Launcher, limits: Limits | None = None, max_parallel: int | None = None
    ) -> None:
        self.mode = mode
        self.limits = limits or Limits()
        self._launch = launch
        self._max_parallel = max_parallel or _parallel_runs()
        # One sandbox may serve several event loops, in turn or in threads; a semaphore serves only one.
        self._slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    async def run(self, code: str, *, stdin: str = "") -> Execution:
        """Runs `code` as a Python program of its own, with `stdin` as its input.

        A program that fails or passes a limit is a result, not an error. Cancelling kills the program.

        Raises:
            SandboxUnavailable: the program could not be started; the text says what this machine lacks.
        """
        size = len(code.encode(errors="replace"))
        if size > _SHARE * (self.limits.file_mb << 20):
            error = f"the program has {size >> 20} MB, and its files may have {self.limits.file_mb} MB together"
            return Execution("", f"{error}\n", exit_code=1, seconds=0.0)
        with span(executing, code, stdin, self.mode) as told:
            execution = await self._run(code, stdin)
            told.tell(executed, execution)
            if not execution.ok:
                told.failed({"error.type": execution.stopped_by or "failed"}, execution.error or "")
        return execution

    async def _run(self, code: str, stdin: str) -> Execution:
        slots = self._slots.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self._max_parallel))
        async with slots:
            try:
                with self._launch(code, stdin, self.limits) as launch:
                    return await run_command(launch, self.limits, stdin=stdin)
            except OSError as error:
                raise SandboxUnavailable(
                    f"the sandbox could not start a program: {error.strerror or error}; {LACKING}"
                ) from error


def _parallel_runs() -> int:
    runs = 2 * (os.cpu_count() or 1)
    if os.name != "posix":
        return runs
    import resource

    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return runs if most == resource.RLIM_INFINITY else max(1, min(runs, most // _DESCRIPTORS))
