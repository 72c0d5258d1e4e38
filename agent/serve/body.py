"""Bodies of requests, read up to a size."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from pilotage.agent.serve.errors import ApiError
from pilotage.agent.serve.keys.access import too_large
from pilotage.common.json_text import NotJson, read_json


async def read_body(request: Request, most: int, *, empty: Any = ...) -> Any:
    """The JSON of a request's body.

    Args:
        request: whose.
        most: bytes that are taken.
        empty: stands for a body without a byte; left out, there has to be one.

    Raises:
        ApiError: 413 for more bytes than are taken, 400 for what is no JSON.
    """
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > most:
            raise too_large(most)
        pieces.append(piece)
    if not size and empty is not ...:
        return empty
    try:
        return read_json(b"".join(pieces), strict=True)
    except NotJson as error:
        raise ApiError(400, f"the body is no JSON: {error}", code="invalid_json") from None
