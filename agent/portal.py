"""Portal: an event loop in a thread of its own, for callers that have none; and the process that things belong to."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from agent.errors import UsageError

T = TypeVar("T")


class OneProcess:
    """Belongs to the process that used it first: threads and connections do not come along when that forks.

    Args:
        what: what belongs to it, for the message.
        remedy: what to do instead.
    """

    def __init__(self, what: str, remedy: str = "make a new one in every process") -> None:
        self._what = what
        self._remedy = remedy
        self._pid: int | None = None

    def enter(self) -> None:
        """Called before each use. Raises UsageError in a process that was forked after the first one."""
        pid = os.getpid()
        if self._pid is None:
            self._pid = pid
        if self._pid != pid:
            raise UsageError(
                f"{self._what} was in use in process {self._pid} before that forked this one, and its threads and "
                f"connections stayed there: {self._remedy}, or start the processes by 'spawn'"
            )


class Portal:
    """Runs coroutines for synchronous callers, from any thread, all on one loop, to which clients are bound.

    The thread starts at the first call and is a daemon, so that a program which forgets `close` ends all the same.
    """

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    @property
    def open(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None

    def call(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of a coroutine, which sees the caller's context variables; an interrupt cancels it.

        Raises:
            UsageError: called from the portal's own loop, which would wait for itself.
        """
        with self._starting:
            loop = self._running()
        if threading.current_thread() is self._thread:
            raise UsageError(
                "a synchronous call from within the agent's own event loop would wait for itself: await it"
            )
        context = contextvars.copy_context()

        async def work() -> T:
            return await loop.create_task(make(), context=context)

        future = asyncio.run_coroutine_threadsafe(work(), loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Ends the thread once what runs on it is cancelled. The next call starts another one."""
        if self._thread is None or self._loop is None or self._stop is None:
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._thread = self._loop = self._stop = None

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            ready = threading.Event()
            self._thread = threading.Thread(
                target=lambda: asyncio.run(self._serve(ready)), daemon=True, name="pilotage"
            )
            self._thread.start()
            ready.wait()
        assert self._loop is not None
        return self._loop

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        ready.set()
        await self._stop.wait()
