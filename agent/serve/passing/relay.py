"""Relay: a whole reply of an upstream to a request that was passed through, and an error where it is broken.

A client is given whole replies. What is none (a page of HTML, half an object, nothing) and what takes too long become
errors in OpenAI's form. What a reply says is the upstream's own affair, but for the server's keys: some upstreams echo
them in their errors.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import aiohttp
import orjson
from starlette.responses import Response

from pilotage.agent.serve.errors import ApiError, error_response
from pilotage.agent.serve.passing.reasons import BROKEN, reason
from pilotage.common.redaction import UNMISTAKABLE, redact, redact_message

MOST_BYTES = 32 * 2**20
"""Of a whole reply."""
_ERROR = re.compile(rb'"error"\s*:\s*(?!null)')


async def whole(response: aiohttp.ClientResponse, deadline: float, *, most: int = MOST_BYTES) -> bytes:
    """The body of a reply.

    Args:
        response: of which nothing was read.
        deadline: on the clock of the event loop.
        most: bytes that are read.

    Raises:
        ApiError: 502 for what breaks off or is too long, 504 for what takes too long.
    """
    pieces, size = [], 0
    try:
        async with asyncio.timeout_at(deadline):
            async for piece in response.content.iter_any():
                size += len(piece)
                if size > most:
                    raise unusable(f"the upstream's reply is larger than {most} bytes")
                pieces.append(piece)
    except (*BROKEN, TimeoutError) as error:
        raise broken(error) from error
    return b"".join(pieces)


def without_keys(said: bytes, key: str) -> bytes:
    """A whole reply or whole events of an upstream, without the key that it was sent; an error without any."""
    error = _ERROR.search(said) is not None
    if not error and (len(key) < UNMISTAKABLE or key.encode() not in said):
        return said
    text = said.decode("utf-8", "replace")
    hidden = redact_message(text) if error else redact(text)
    return said if hidden == text else hidden.encode()


def reply(response: aiohttp.ClientResponse, body: bytes, headers: dict[str, str]) -> Response:
    """What a client is sent of a whole reply; its error in OpenAI's form, where the upstream's is none.

    Raises:
        ApiError: 502, a reply that says that all is well is none, or the status is neither of success nor of an error.
    """
    data = json_of(body)
    if is_good(response):
        # A response may have no output yet, and says so itself.
        if not isinstance(data, dict) or not (
            data.get("choices") or data.get("data") or isinstance(data.get("output"), list)
        ):
            raise unusable(f"the upstream's reply is no reply{error_said(data)}")
    elif not 400 <= response.status < 600:
        raise unusable(f"the upstream answered with status {response.status}, which is none of a reply")
    elif not isinstance(data, dict) or "error" not in data:
        kept = {name: value for name, value in headers.items() if name != "content-type"}
        told = f"the upstream answered with status {response.status}"
        return error_response(ApiError(response.status, told, headers=kept))
    return Response(body, response.status, headers)


def is_good(response: aiohttp.ClientResponse) -> bool:
    """Whether its status says that all is well."""
    return 200 <= response.status < 300


def broken(error: Exception) -> ApiError:
    """The error of a call that failed on its way."""
    if isinstance(error, TimeoutError):
        return ApiError(504, "the upstream took longer than a request may here", code="time_limit")
    return ApiError(502, f"the upstream's reply broke off ({reason(error)})", code="upstream_unavailable")


def unusable(why: str) -> ApiError:
    """The error of a reply that is none."""
    return ApiError(502, why, code="unusable_reply")


def error_said(data: Any) -> str:
    """What an error says that came with a status for success."""
    error = data.get("error") if isinstance(data, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return f": {message[:300]}" if isinstance(message, str) else ""


def error_of(body: bytes, status: int) -> ApiError:
    """The error that a whole reply of an upstream is."""
    error = ApiError(status, f"the upstream answered with status {status}")
    said = json_of(body)
    if isinstance(said, dict) and isinstance(own := said.get("error"), dict):
        error.body["error"] |= own
    elif message := error_said(said):
        error.body["error"]["message"] += message
    return error


def json_of(text: bytes) -> Any:
    """What a text says; None where it is no JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
