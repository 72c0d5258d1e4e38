"""An event loop in a thread of its own, for callers that have none; and the process that things belong to."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from pilotage.agent.errors import AgentClosed, UsageError

T = TypeVar("T")
_END: Any = object()


class OneProcess:
    """Belongs to the process that used it first: threads and connections do not come along when that forks.

    `what` belongs to it, and `remedy` is what to do instead, for the message.
    """

    def __init__(self, what: str, remedy: str = "make a new one in every process") -> None:
        self._what = what
        self._remedy = remedy
        self._pid: int | None = None

    @property
    def elsewhere(self) -> bool:
        """Whether this is a process that was forked after the first use: what is to be released stayed behind."""
        return self._pid is not None and self._pid != os.getpid()

    def enter(self) -> None:
        """Called before each use. Raises UsageError in a process that was forked after the first one."""
        if self._pid is None:
            self._pid = os.getpid()
        if self.elsewhere:
            raise UsageError(
                f"{self._what} was in use in process {self._pid} before that forked this one, and its threads and "
                f"connections stayed there: {self._remedy}, or start the processes by 'spawn'"
            )


class EventLoopThread:
    """Runs coroutines for synchronous callers, from any thread, all on one loop, to which clients are bound.

    The thread starts at the first call and is a daemon, so that a program which forgets `close` ends all the same.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._serving: _Serving | None = None

    def call(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of a coroutine, which sees the caller's context variables; an interrupt cancels it.

        Raises:
            UsageError: called from the thread's own loop, which would wait for itself.
            AgentClosed: the thread was ended before there was a result.
        """
        context = contextvars.copy_context()
        with self._lock:
            if self._serving is None or self._serving.ending:
                self._serving = _Serving()
            serving = self._serving
            if serving.thread is threading.current_thread():
                raise UsageError(
                    "a synchronous call from within the agent's own event loop would wait for itself: await it"
                )
            future = serving.submit(make, context)
        try:
            return future.result()
        except CancelledError:
            if not serving.ending:
                raise
            raise AgentClosed(
                "the agent was closed while this call still waited for it: close it once all calls are back"
            ) from None
        except BaseException:
            future.cancel()
            raise

    def items(self, given: AsyncGenerator[T, None]) -> Iterator[T]:
        """The items of an asynchronous generator, which is closed where they are, or where a wait is interrupted."""

        async def following() -> T:
            return await anext(given, _END)

        while (item := self.call(following)) is not _END:
            serving = self._serving
            try:
                yield item
            except BaseException:
                if self._goes_on(serving):
                    self.call(given.aclose)
                raise
            if not self._goes_on(serving):
                raise AgentClosed(
                    "the agent was closed before this stream had come to its end: read it to the end first"
                )

    def _goes_on(self, serving: _Serving | None) -> bool:
        return serving is not None and serving is self._serving and not serving.ending

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Ends the thread: what runs on it is cancelled, then `last` is done. The next call starts another one.

        Of several closers at once each returns when it has ended; one on the thread itself does not wait for it.
        """
        with self._lock:
            serving = self._serving
            if serving is None:
                return
            serving.end(last)
        if serving.thread is not threading.current_thread():
            serving.thread.join()
        with self._lock:
            if self._serving is serving:
                self._serving = None


class _Serving:
    """One thread with a running loop, from its start to its end; `submit` and `end` want `EventLoopThread`'s lock."""

    def __init__(self) -> None:
        self.ending = False
        self._last: Callable[[], Coroutine[Any, Any, None]] | None = None
        self._works: set[asyncio.Task[Any]] = set()
        ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True, name="pilotage")
        self.thread.start()
        ready.wait()

    def submit(self, make: Callable[[], Coroutine[Any, Any, T]], context: contextvars.Context) -> Future[T]:
        """Starts a coroutine in a context."""

        async def work() -> T:
            this = asyncio.current_task()
            assert this is not None
            self._works.add(this)
            try:
                return await self._loop.create_task(make(), context=context)
            finally:
                self._works.discard(this)

        return asyncio.run_coroutine_threadsafe(work(), self._loop)

    def end(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Has it end, after what was submitted has begun, so that all of it is cancelled and nothing waits for ever."""
        if not self.ending:
            self.ending, self._last = True, last
            self._loop.call_soon_threadsafe(self._stop.set)

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        ready.set()
        await self._stop.wait()
        # What was submitted, each of which ends its own parts in order. To cancel every task of the loop at once, those
        # of asyncio's own too, would leave a process that is just being started to be waited for without end.
        works = tuple(self._works)
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        if self._last is not None:
            await self._last()
