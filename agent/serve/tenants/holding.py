"""Holding: what a request has taken out of a pool is in use until the request has ended, its stream included."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from pilotage.agent.serve.tenants.pool import Lease, Pool


class Held:
    """The leases of one request; threads that work for it may add to them."""

    def __init__(self) -> None:
        self._leases: list[Lease[Any, Any]] = []
        self._ended = False

    def add(self, lease: Lease[Any, Any]) -> None:
        """Keeps a lease; one that comes when all is over, from a thread that nobody waits for, ends at once."""
        self._leases.append(lease)
        if self._ended:
            self.end()

    def end(self) -> None:
        """Ends them."""
        self._ended = True
        while self._leases:
            self._leases.pop().end()


_HELD: ContextVar[Held | None] = ContextVar("held", default=None)


@contextmanager
def holding() -> Iterator[None]:
    """What is taken within it is in use until it ends. Threads by `asyncio.to_thread` and tasks are within it too."""
    held = Held()
    token = _HELD.set(held)
    try:
        yield
    finally:
        _HELD.reset(token)
        held.end()


def hold(lease: Lease[Any, Any]) -> None:
    """Keeps a lease as long as the request lasts; where there is none, the value is the pool's to close at any time."""
    held = _HELD.get()
    if held is None:
        lease.end()
    else:
        held.add(lease)


class HasPool(Protocol):
    """Whose pool the requests take from."""

    @property
    def tenants(self) -> Pool[Any, Any]:
        """The pool."""


class HoldingMiddleware:
    """Stands around every request, and closes in a thread what is too many when it ends."""

    def __init__(self, app: ASGIApp, of: HasPool) -> None:
        self._app = app
        self._of = of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            with holding():
                await self._app(scope, receive, send)
        finally:
            if self._of.tenants.has_surplus:
                await asyncio.to_thread(self._of.tenants.trim)
