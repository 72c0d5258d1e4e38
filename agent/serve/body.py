"""Bodies of requests, read up to a size."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import ClientDisconnect, Request

from pilotage.agent.serve.errors import ApiError
from pilotage.agent.serve.keys.access import too_large
from pilotage.agent.serve.stopping.drain import unless_cut
from pilotage.common.json_text import NotJson, read_json

PIECE_SECONDS = 30.0
"""That the next piece of a body may take to come."""
MOST_AT_ONCE = 2**20
"""Bytes that are parsed while everybody waits; more are parsed in a thread."""
MOST_BRACKETS = 2**20
"""That open a list or an object, or stand in texts: a parser holds Python's lock, so that a thread alone is no help."""
CLIENT_CLOSED = 499
"""What logs say of a request whose client did not wait; nobody reads it."""


async def read_body(request: Request, most: int, *, empty: Any = ...) -> Any:
    """The JSON of a request's body.

    Args:
        request: whose.
        most: bytes that are taken.
        empty: stands for a body without a byte; left out, there has to be one.

    Raises:
        ApiError: 413 for more bytes than are taken, 400 for what is no JSON or has too many parts, 408 for what does
            not come, 503 where the server stops before.
    """
    body = await unless_cut(_bytes(request, most))
    if not body and empty is not ...:
        return empty
    try:
        if len(body) > MOST_AT_ONCE:
            if body.count(b"[") + body.count(b"{") > MOST_BRACKETS:
                raise ApiError(400, f"the body has more than {MOST_BRACKETS} brackets; send less at once")
            return await asyncio.to_thread(read_json, body, strict=True)
        return read_json(body, strict=True)
    except NotJson as error:
        raise ApiError(400, f"the body is no JSON: {error}", code="invalid_json") from None


async def _bytes(request: Request, most: int) -> bytes:
    pieces, size = [], 0
    stream = request.stream()
    try:
        while (piece := await asyncio.wait_for(anext(stream, None), PIECE_SECONDS)) is not None:
            size += len(piece)
            if size > most:
                raise too_large(most)
            pieces.append(piece)
    except TimeoutError:
        raise ApiError(408, "the rest of the body did not come", code="request_timeout") from None
    except ClientDisconnect:
        raise ApiError(CLIENT_CLOSED, "the client went away before its body was there") from None
    return b"".join(pieces)
