"""Server-sent events: lines of data, and comments while there is nothing to say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import Any

import orjson

DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"
"""A comment: no client takes it for an event, and no proxy takes the connection for dead."""
MEDIA_TYPE = "text/event-stream"
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""So that no proxy keeps events until there are many."""


def event(data: Any) -> bytes:
    """One event of JSON data."""
    return b"data: " + orjson.dumps(data) + b"\n\n"


def named_event(name: str, data: Any) -> bytes:
    """One event with a name, as the Responses API has them."""
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"


async def with_keep_alive(events: AsyncIterator[bytes], seconds: float) -> AsyncGenerator[bytes]:
    """The events, with a comment after each so many seconds of silence; 0 for none.

    Closing it closes the events, so that whatever makes them stops at once.
    """
    pending: asyncio.Task[bytes] | None = None
    try:
        while True:
            pending = pending or asyncio.ensure_future(anext(events))
            done, _ = await asyncio.wait({pending}, timeout=seconds or None)
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
            pending.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration, Exception):
                await pending
        if isinstance(events, AsyncGenerator):
            await events.aclose()
