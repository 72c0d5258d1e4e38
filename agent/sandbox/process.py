"""Runs one command as its own process group: feeds it, caps what it prints, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import signal
import time
from contextlib import suppress
from typing import cast

from pilotage.agent.errors import SandboxUnavailable
from pilotage.agent.sandbox.execution import Execution, Limits, StoppedBy
from pilotage.agent.sandbox.launch import Launch

_STDOUT, _STDERR = 1, 2
# What was bidden to end has ended within this time, unless the program has stopped its supervisor (weaker mode).
_DRAIN_SECONDS = 5
# Without it each thread would reserve 64 MB of the address space. The program itself does not see it.
_ENVIRONMENT = {"MALLOC_ARENA_MAX": "1"}
# How a traceback of the interpreter's ends: a line of the program, and the error that nobody caught.
_OUT_OF_MEMORY = re.compile(r"^Traceback .*\n[ \t][^\n]*\nMemoryError\b[^\n]*\n?\Z", re.DOTALL | re.MULTILINE)


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
        # No isinstance: the transport of another event loop (uvloop's, under a web server) only looks like this one.
        self._process_group = cast(asyncio.SubprocessTransport, transport).get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        stream = self.streams[fd]
        room = self._output_bytes - len(stream)
        stream += data[:room]
        if len(data) > room:
            self.truncated = True
            self.end()

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, error: Exception | None) -> None:
        """Called when the process has ended and all its pipes are closed."""
        self.closed.set()

    def end(self) -> None:
        """Ends the process and whatever it left behind, without waiting for that."""
        if not self.exited.is_set():
            self._launch.kill()

    async def clear(self) -> None:
        """Ends all, and waits until it has ended and its streams are closed."""
        self.end()
        if not await _set_within(_DRAIN_SECONDS, self.exited):
            _kill(self._process_group)
            await _set_within(_DRAIN_SECONDS, self.exited)
        if (group := self._launch.unsupervised_group()) is not None:
            _kill(group)
        await _set_within(_DRAIN_SECONDS, self.closed)


def _kill(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


async def _set_within(seconds: float, event: asyncio.Event) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


async def run_command(launch: Launch, limits: Limits, *, stdin: str = "") -> Execution:
    """Runs the command with no environment of the caller's until it ends or passes a limit.

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
            env=_ENVIRONMENT,
            cwd=launch.folder,
            pass_fds=launch.descriptors,
            start_new_session=True,
        )
    )
    timed_out = False
    try:
        # Shielded, since asyncio would answer a cancellation here by killing the first process of the tree only.
        transport, watcher = await asyncio.shield(starting)
        pipe = cast(asyncio.WriteTransport, transport.get_pipe_transport(0))
        if not pipe.is_closing():  # a program may end before it is given anything; uvloop then takes no more
            pipe.write(stdin.encode(errors="replace"))
            pipe.close()
        # The supervisor ends it earlier, unless it was stopped itself.
        async with asyncio.timeout(limits.wall_seconds + _DRAIN_SECONDS):
            await watcher.exited.wait()
    except TimeoutError:
        timed_out = not watcher.exited.is_set()  # both may have happened while the event loop was busy
    finally:
        try:
            transport, watcher = await starting
        except RuntimeError as error:  # the process is there, but asyncio found no thread that waits for its end
            launch.kill()
            raise OSError(errno.EAGAIN, str(error)) from error
        seconds = time.monotonic() - started
        await watcher.clear()
        transport.close()
    status = transport.get_returncode()
    exit_code = 128 + signal.SIGKILL if status is None else status if status >= 0 else 128 - status
    stdout, stderr = (watcher.streams[fd].decode(errors="replace") for fd in (_STDOUT, _STDERR))
    passed: StoppedBy | None = "output" if watcher.truncated else "time" if timed_out else launch.exceeded_limit()
    if passed is None and not launch.reached_python():
        reason = (stderr.strip().splitlines() or [f"it ended with exit code {exit_code}"])[-1]
        raise SandboxUnavailable(f"the sandbox could not start a program: {reason}")
    if passed is None and exit_code == 1 and _OUT_OF_MEMORY.search(stderr):
        passed = "memory"
    return Execution(stdout, stderr, exit_code, seconds, stopped_by=passed, truncated=watcher.truncated)
