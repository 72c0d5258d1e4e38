"""Unread: a reply that its client does not read ends like one whose client has gone away.

A write waits for as long as the client leaves its bytes in the connection, and with it the request, its key's slot and
the upstream. uvicorn has no limit of time for that.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pilotage.agent.serve.requests.request_context import context_of, in_request

log = logging.getLogger("pilotage.serve")

UNREAD_SECONDS = 60.0
_LOOKS = 100
"""How often within its time a client is looked at."""


class Unread:
    """Cuts the connection of a client that takes no byte of its reply for too long; the application then sees it gone.

    It has to be the outermost: only there is `send` uvicorn's own, whose connection can be looked at.

    Args:
        app: the application.
        seconds: without a byte taken, while there are some.
    """

    def __init__(self, app: ASGIApp, seconds: float = UNREAD_SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if scope["type"] != "http" or transport is None:
            await self._app(scope, receive, send)
            return

        async def watched(message: Message) -> None:
            if transport.get_write_buffer_size():
                await self._watch(transport, asyncio.ensure_future(send(message)))
            else:
                await send(message)

        await self._app(scope, receive, watched)
        if transport.get_write_buffer_size():  # the rest of a whole reply, which would lie in memory as long
            with in_request(context_of(scope)):
                await self._watch(transport, asyncio.ensure_future(self._taken(transport)))

    async def _watch(self, transport: Any, work: asyncio.Future[None]) -> None:
        """Waits for some work, which ends when the client reads or its connection is cut."""
        clock = asyncio.get_running_loop().time
        size, since = transport.get_write_buffer_size(), clock()
        try:
            while not work.done():
                await asyncio.wait({work}, timeout=self._seconds / _LOOKS)
                now = transport.get_write_buffer_size()
                if now != size:
                    size, since = now, clock()
                elif not work.done() and clock() - since > self._seconds:
                    log.warning("a connection is cut whose client took nothing of its reply in %g s", self._seconds)
                    transport.abort()
                    break
            await work
        finally:
            work.cancel()

    async def _taken(self, transport: Any) -> None:
        while transport.get_write_buffer_size():
            await asyncio.sleep(self._seconds / _LOOKS)
