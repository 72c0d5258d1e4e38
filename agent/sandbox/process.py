"""Runs one command as its own process group: feeds it, caps what it prints, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress

from agent.sandbox.execution import Execution, Limits, StoppedBy
from agent.sandbox.launch import Launch

_STDOUT, _STDERR = 1, 2
# Once the process has ended, its pipes can only be held open by a stray child, which the weaker mode may have
# and the sandbox has not. Nobody waits for that one longer than this.
_DRAIN_SECONDS = 0.5


class _Watcher(asyncio.SubprocessProtocol):
    """Collects both streams up to a cap and kills the process tree at the first byte beyond it."""

    def __init__(self, launch: Launch, output_bytes: int) -> None:
        self.exited = asyncio.Event()
        self.closed = asyncio.Event()
        self.streams = {_STDOUT: bytearray(), _STDERR: bytearray()}
        self.truncated = False
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
            self.truncated = True
            self.kill()

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, error: Exception | None) -> None:
        """Called when the process has ended and all its pipes are closed."""
        self.closed.set()

    def kill(self) -> None:
        """Kills the process and whatever it left behind."""
        # While bwrap sets up its child, that child has left the group and does not yet die with its parent: it has
        # to be killed by its number. bwrap notes the number before it lets the child go that far.
        inner = None if self.exited.is_set() else self._launch.inner_pid()
        with suppress(ProcessLookupError):
            if inner is not None:
                os.kill(inner, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.killpg(self._process_group, signal.SIGKILL)

    def text(self, fd: int) -> str:
        return self.streams[fd].decode(errors="replace")


async def run_command(launch: Launch, limits: Limits, *, stdin: str = "") -> Execution:
    """Runs the command with an empty environment until it ends or passes a limit.

    Cancelling the awaiting task kills the process tree too.
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
            await watcher.exited.wait()
    except TimeoutError:
        timed_out = True
    finally:
        transport, watcher = await starting
        seconds = time.monotonic() - started
        watcher.kill()
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                await watcher.closed.wait()
        transport.close()
    status = transport.get_returncode()
    exit_code = 128 + signal.SIGKILL if status is None else status if status >= 0 else 128 - status
    stderr = watcher.text(_STDERR)
    passed = _limit_passed(exit_code, timed_out, seconds, stderr, limits)
    return Execution(
        stdout=watcher.text(_STDOUT),
        stderr=stderr,
        exit_code=exit_code,
        seconds=seconds,
        stopped_by="output" if watcher.truncated else passed,
        truncated=watcher.truncated,
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
