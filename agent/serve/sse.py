"""Server-sent events: lines of data, and comments while there is nothing to say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pilotage.agent.serve.errors import error_response
from pilotage.agent.serve.stopping.drain import stopping, was_cut, watching

log = logging.getLogger("pilotage.serve")

DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"
"""A comment: no client takes it for an event, and no proxy takes the connection for dead."""
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""So that no proxy keeps events until there are many."""


def event(data: Any) -> bytes:
    """One event of JSON data."""
    return b"data: " + orjson.dumps(data) + b"\n\n"


def named_event(name: str, data: Any) -> bytes:
    """One event with a name, as the Responses API has them."""
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"


class EventStream(Response):
    """A response that ends with its client: when that goes away, the events are closed at once, also in silence.

    When a stopping server cuts it, whatever makes the events is cancelled, and says so in its last ones; where it does
    not, this does.
    """

    media_type = "text/event-stream"

    def __init__(
        self, events: AsyncGenerator[bytes], status_code: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        self.status_code = status_code
        self.background = None
        self._events = events
        self._begun = False
        self.init_headers({**HEADERS, **(headers or {})})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the events as they come."""
        sending = asyncio.ensure_future(self._send(send))
        leaving = asyncio.ensure_future(disconnected(receive))
        try:
            with watching(sending):
                await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if sending.cancelled() and was_cut():
                await self._end(scope, receive, send)
            elif sending.done():
                sending.result()
        except OSError:  # the connection is gone, which the next write found out
            return
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
            await self._events.aclose()

    async def _end(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._begun:
            await error_response(stopping())(scope, receive, send)
        else:
            await send({"type": "http.response.body", "body": event(stopping().body) + DONE, "more_body": False})

    async def _send(self, send: Send) -> None:
        self._begun = True
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for piece in self._events:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def disconnected(receive: Receive) -> None:
    """Returns when the client has gone away; its request has been read before."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def with_keep_alive(events: AsyncIterator[bytes], seconds: float) -> AsyncGenerator[bytes]:
    """The events, with a comment after each so many seconds of silence; 0 for none.

    Closing it closes the events, so that whatever makes them stops at once; what goes wrong then nobody is told but the
    log. When a stopping server cancels it, the events are told, and what they say of it comes last.
    """
    pending: asyncio.Task[bytes] | None = None
    try:
        while True:
            pending = pending or asyncio.ensure_future(anext(events))
            try:
                done, _ = await asyncio.wait({pending}, timeout=seconds or None)
            except asyncio.CancelledError:
                if not was_cut():
                    raise
                pending.cancel()
                continue
            if not done:
                yield KEEP_ALIVE
                continue
            try:
                piece = pending.result()
            except StopAsyncIteration:
                return
            pending = None
            yield piece
    finally:
        if pending is not None:
            await _abandoned(pending)
        if isinstance(events, AsyncGenerator):
            await events.aclose()


async def _abandoned(pending: asyncio.Task[bytes]) -> None:
    pending.cancel()
    (outcome,) = await asyncio.gather(pending, return_exceptions=True)
    if isinstance(outcome, Exception) and not isinstance(outcome, StopAsyncIteration):
        log.warning("a stream failed whose client had gone", exc_info=outcome)
