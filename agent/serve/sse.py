"""Server-sent events: lines of data, and comments while there is nothing to say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

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

    Args:
        events: whole ones, as they are to be sent.
        keep_alive: seconds of silence after which a comment is sent; 0 for none.
        status_code: of the response.
        headers: beside those that every stream has.

    Attributes:
        events: as given.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncGenerator[bytes],
        keep_alive: float,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status_code = status_code
        self.background = None
        self.events = events
        self._keep_alive = keep_alive
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
            abandoned = not sending.done()
            for task in (sending, leaving):
                task.cancel()
            outcome, _ = await asyncio.gather(sending, leaving, return_exceptions=True)
            if abandoned and isinstance(outcome, Exception):
                log.warning("a stream failed whose client had gone", exc_info=outcome)
            await self.events.aclose()

    async def _end(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._begun:
            await error_response(stopping())(scope, receive, send)
        else:
            await send(_body(event(stopping().body) + DONE, more=False))

    async def _send(self, send: Send) -> None:
        self._begun = True
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        filling = _Filling(send, self._keep_alive)
        try:
            async for piece in self.events:
                with filling.interrupted():
                    await send(_body(piece))
        finally:
            await filling.end()
        await send(_body(b"", more=False))


class _Filling:
    """Fills the silence of a stream with comments, from its beginning on."""

    def __init__(self, send: Send, seconds: float) -> None:
        self._send = send
        self._seconds = seconds
        self._clock = asyncio.get_running_loop().time
        self._since = self._clock()
        self._silent = True
        self._task = asyncio.ensure_future(self._fill()) if seconds else None

    @contextmanager
    def interrupted(self) -> Iterator[None]:
        """Something is sent, and another silence begins behind it."""
        self._silent = False
        yield
        self._silent, self._since = True, self._clock()

    async def end(self) -> None:
        """No comment comes any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _fill(self) -> None:
        while True:
            await asyncio.sleep(max(self._since + self._seconds - self._clock(), 0.001))
            if self._silent and self._clock() - self._since >= self._seconds:
                await self._send(_body(KEEP_ALIVE))
                self._since = self._clock()


def _body(piece: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": piece, "more_body": more}


async def disconnected(receive: Receive) -> None:
    """Returns when the client has gone away; its request has been read before."""
    while (await receive())["type"] != "http.disconnect":
        pass
