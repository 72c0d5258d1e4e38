"""Runs one command as its own process group: feeds it, caps what it prints, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import time
from contextlib import suppress

from agent.errors import SandboxUnavailable
from agent.sandbox.execution import Execution, Limits, StoppedBy
from agent.sandbox.launch import Launch

_STDOUT, _STDERR = 1, 2
# What was told to end has ended within this time, unless the program has stopped its supervisor (weaker mode).
_DRAIN_SECONDS = 2
# How often the files that a program has made are counted.
_COUNT_SECONDS = 0.05


class _Watcher(asyncio.SubprocessProtocol):
    """Collects both streams up to a cap and kills the process tree at the first byte beyond it."""

    def __init__(self, launch: Launch, output_bytes: int) -> None:
        self.exited = asyncio.Event()
        self.closed = asyncio.Event()
        self.streams = {_STDOUT: bytearray(), _STDERR: bytearray()}
        self.passed: StoppedBy | None = None
        self._launch = launch
        self._output_bytes = output_bytes
        self._process_group = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._process_group = transport.get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        stream = self.streams[fd]
        room = self._output_bytes - len(stream)
        stream += data[:room]
        if len(data) > room:
            self._pass("output")

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, error: Exception | None) -> None:
        """Called when the process has ended and all its pipes are closed."""
        self.closed.set()

    async def finish(self, files: int) -> None:
        """Waits until the process has ended, and ends it when there are more files than that."""
        while not await _set_within(_COUNT_SECONDS, self.exited):
            if self._launch.files() > files:
                self._pass("files")

    def _pass(self, limit: StoppedBy) -> None:
        if self.passed is None:
            self.passed = limit
            self.end()

    def end(self) -> None:
        """Ends the process and whatever it left behind, without waiting for that."""
        if not self.exited.is_set():
            self._launch.end()
        if self._launch.lifeline is None:
            self._kill_group()

    async def clear(self) -> None:
        """Ends all, and waits until it has ended and its streams are closed."""
        self.end()
        await _set_within(_DRAIN_SECONDS, self.closed)
        self._kill_group()

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process_group, signal.SIGKILL)

    def text(self, fd: int) -> str:
        return self.streams[fd].decode(errors="replace")


async def _set_within(seconds: float, event: asyncio.Event) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


async def _started(
    starting: asyncio.Task[tuple[asyncio.SubprocessTransport, _Watcher]], launch: Launch
) -> tuple[asyncio.SubprocessTransport, _Watcher]:
    try:
        return await starting
    except RuntimeError as error:  # the process is there, but asyncio found no thread that waits for its end
        launch.end()
        raise OSError(errno.EAGAIN, str(error)) from error


async def run_command(launch: Launch, limits: Limits, *, stdin: str = "") -> Execution:
    """Runs the command with an empty environment until it ends or passes a limit.

    Cancelling the awaiting task kills the process tree too.

    Raises:
        SandboxUnavailable: the program could not be started, which is no fault of its own.
    """
    started = time.monotonic()
    loop = asyncio.get_running_loop()
    starting = loop.create_task(
        loop.subprocess_exec(
            lambda: _Watcher(launch, limits.output_bytes),
            *launch.command,
            env={},
            cwd=launch.folder,
            pass_fds=launch.descriptors,
            start_new_session=True,
        )
    )
    timed_out = False
    try:
        # Shielded, since asyncio would answer a cancellation here by killing the first process of the tree only.
        transport, watcher = await asyncio.shield(starting)
        pipe = transport.get_pipe_transport(0)
        assert isinstance(pipe, asyncio.WriteTransport)
        pipe.write(stdin.encode(errors="replace"))
        pipe.close()
        async with asyncio.timeout(limits.wall_seconds):
            await watcher.finish(limits.files)
    except TimeoutError:
        timed_out = True
    finally:
        transport, watcher = await _started(starting, launch)
        seconds = time.monotonic() - started
        await watcher.clear()
        transport.close()
    status = transport.get_returncode()
    exit_code = 128 + signal.SIGKILL if status is None else status if status >= 0 else 128 - status
    stderr = watcher.text(_STDERR)
    if not timed_out and not launch.begun():
        reason = (stderr.strip().splitlines() or [f"it ended with exit code {exit_code}"])[-1]
        raise SandboxUnavailable(f"the sandbox could not start a program: {reason}")
    passed = watcher.passed or _limit_passed(exit_code, timed_out, seconds, stderr, limits)
    return Execution(
        stdout=watcher.text(_STDOUT),
        stderr=stderr,
        exit_code=exit_code,
        seconds=seconds,
        stopped_by=passed,
        truncated=watcher.passed == "output",
    )


def _limit_passed(exit_code: int, timed_out: bool, seconds: float, stderr: str, limits: Limits) -> StoppedBy | None:
    """Which limit ended the process, judged by how it ended."""
    if timed_out or exit_code == 128 + signal.SIGXCPU:
        return "time"
    if exit_code == 128 + signal.SIGKILL:
        # Nobody here killed it: the kernel did, for processor time (SIGXCPU can be ignored) or for memory.
        return "time" if seconds >= limits.cpu_seconds else "memory"
    last_line = stderr.rstrip().rpartition("\n")[2]
    return "memory" if exit_code == 1 and last_line.startswith("MemoryError") else None
