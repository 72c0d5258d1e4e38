"""Drain: what a stopping server tells its requests. New ones go elsewhere, accepted ones end; the last are cut."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from starlette.types import ASGIApp, Receive, Scope, Send

from pilotage.agent.serve.errors import ApiError

T = TypeVar("T")


class Drain:
    """The state of a server process.

    Attributes:
        begun: whether the server is stopping: health is 503, and every reply closes its connection.
        is_cut: whether the time for what was accepted is over.
    """

    def __init__(self) -> None:
        self.begun = False
        self.is_cut = False
        self._tasks: set[asyncio.Future[Any]] = set()

    def begin(self) -> None:
        """The server stops."""
        self.begun = True

    def cut(self) -> None:
        """Ends the work for every request; each tells its client so in the form of its endpoint."""
        self.begun = self.is_cut = True
        for task in list(self._tasks):
            task.cancel()

    @contextmanager
    def watching(self, task: asyncio.Future[Any]) -> Iterator[None]:
        """Has some work cancelled when the server cuts it."""
        self._tasks.add(task)
        if self.is_cut:
            task.cancel()
        try:
            yield
        finally:
            self._tasks.discard(task)


_current: ContextVar[Drain | None] = ContextVar("drain", default=None)


class DrainMiddleware:
    """Makes the drain of the server known to its requests."""

    def __init__(self, app: ASGIApp, drain: Drain) -> None:
        self._app = app
        self._drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        token = _current.set(self._drain)
        try:
            await self._app(scope, receive, send)
        finally:
            _current.reset(token)


def watching(task: asyncio.Future[Any]) -> AbstractContextManager[None]:
    """Has the work for this request cancelled when the server cuts it."""
    return (_current.get() or Drain()).watching(task)


def was_cut() -> bool:
    """Whether a cancellation in this request's work comes from the server and not from its client."""
    drain = _current.get()
    return drain is not None and drain.is_cut


async def unless_cut(work: Coroutine[Any, Any, T]) -> T:
    """What some work gives. Raises ApiError 503 where the server cuts it."""
    task = asyncio.ensure_future(work)
    try:
        with watching(task):
            return await task
    except asyncio.CancelledError:
        if task.cancelled() and was_cut():
            raise stopping() from None
        raise


def stopping() -> ApiError:
    """What a client is told whose request is cut, or comes too late."""
    return ApiError(
        503, "the server is stopping; send the request again", code="server_stopping", headers={"Retry-After": "1"}
    )


def raised_by_cut(error: BaseException) -> Exception:
    """The error that a client is told of: what was raised, or that the server is stopping.

    Raises:
        CancelledError: again, where it is the client that has gone away.
    """
    if isinstance(error, Exception):
        return error
    if isinstance(error, asyncio.CancelledError) and was_cut():
        return stopping()
    raise error
