"""Relay: what an upstream answers to a request that was passed through, as it comes, and an error where it is broken.

A client is given whole replies and whole events. What is no reply (a page of HTML, half an object, nothing), a stream
that ends before its reply, one that fails, and one that takes too long become errors in OpenAI's form. What a reply
says is the upstream's own affair, but for the server's keys: some upstreams echo them in their errors.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from typing import Any

import aiohttp
import orjson
from starlette.responses import Response

from pilotage.agent.serve import sse
from pilotage.agent.serve.errors import ApiError, error_response
from pilotage.common.redaction import UNMISTAKABLE, redact, redact_message

MOST_BYTES = 32 * 2**20
"""Of a whole reply."""
MOST_EVENT_BYTES = 4 * 2**20
_ERROR = re.compile(rb'"error"\s*:\s*(?!null)')
_ENDINGS = ("response.completed", "response.incomplete", "response.failed", "error")
"""Events that end a stream of the Responses API."""


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
                    raise _unusable(f"the upstream's reply is larger than {most} bytes")
                pieces.append(piece)
    except (aiohttp.ClientError, TimeoutError) as error:
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
        ApiError: 502, a reply that says that all is well is none.
    """
    data = _json(body)
    if is_good(response):
        # A response may have no output yet, and says so itself.
        if not isinstance(data, dict) or not (
            data.get("choices") or data.get("data") or isinstance(data.get("output"), list)
        ):
            raise _unusable(f"the upstream's reply is no reply{_said(data)}")
    elif not isinstance(data, dict) or "error" not in data:
        kept = {name: value for name, value in headers.items() if name != "content-type"}
        status = response.status if response.status >= 400 else 502
        return error_response(ApiError(status, f"the upstream answered with status {response.status}", headers=kept))
    return Response(body, response.status, headers)


async def events(
    response: aiohttp.ClientResponse, deadline: float, account: Callable[[bytes], bytes], *, named: bool
) -> AsyncGenerator[bytes]:
    """The events of a stream as they come, and an event with an error where the stream ends before the reply.

    Closing it closes the connection, so that the upstream stops at once.

    Args:
        response: of which nothing was read.
        deadline: on the clock of the event loop.
        account: is shown whole events, and gives them back as they are to be sent.
        named: whether the events have names, as those of the Responses API.

    Raises:
        ApiError: the stream fails before anything of its reply, so that another upstream can still be asked. Comments
            are held back until then.
    """
    rest, held, seen, begun = b"", b"", _Seen(), False
    late = False

    def cut() -> None:
        nonlocal late
        late = True
        response.close()

    timer = asyncio.get_running_loop().call_at(deadline, cut)
    try:
        async for piece in response.content.iter_any():
            part, rest = _cut_behind_event(rest + piece)
            if len(rest) > MOST_EVENT_BYTES:
                raise _unusable(f"an event of the upstream is larger than {MOST_EVENT_BYTES} bytes")
            held += part
            if part and (begun or _is_of_reply(held)):
                whole_events, held, begun = held, b"", True
                seen.see(whole_events)
                yield account(whole_events)
        if not begun and (said := _error_in(held + rest)):
            raise _unusable(f"the upstream's stream is an error{said}")
        seen.see(rest)
        if not seen.ended:
            raise _unusable("the upstream's stream broke off before its reply was whole")
        if (held + rest).strip():
            yield account(held + rest + b"\n\n")
    except (aiohttp.ClientError, ApiError) as error:
        told = error if isinstance(error, ApiError) else broken(TimeoutError() if late else error)
        if not begun:
            raise told from error
        if not seen.ended:
            yield _told(told, seen.events, named)
    finally:
        timer.cancel()
        response.close()


def is_good(response: aiohttp.ClientResponse) -> bool:
    """Whether its status says that all is well."""
    return 200 <= response.status < 300


def broken(error: Exception) -> ApiError:
    """The error of a call that failed on its way."""
    if isinstance(error, TimeoutError):
        return ApiError(504, "the upstream took longer than a request may here", code="time_limit")
    why = redact_message(str(error)) or type(error).__name__
    return ApiError(502, f"the upstream's reply broke off ({why})", code="upstream_unavailable")


def _unusable(why: str) -> ApiError:
    return ApiError(502, why, code="unusable_reply")


def _said(data: Any) -> str:
    """What an error says that came with a status for success."""
    error = data.get("error") if isinstance(data, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return f": {message[:300]}" if isinstance(message, str) else ""


def _cut_behind_event(text: bytes) -> tuple[bytes, bytes]:
    """Whole events, and what has come of the next."""
    place = max(text.rfind(b"\n\n") + 2, text.rfind(b"\r\n\r\n") + 4, text.rfind(b"\r\r") + 2)
    return (text[:place], text[place:]) if place > 3 else (b"", text)


def _is_of_reply(events: bytes) -> bool:
    """Whether there is an event among some that is neither a comment nor an error."""
    return any(
        not (isinstance(data := _json(line[5:].strip()), dict) and (data.get("error") or data.get("type") == "error"))
        for line in events.splitlines()
        if line.startswith(b"data:")
    )


def _error_in(events: bytes) -> str:
    """What the first error among some events says; empty where there is none."""
    for line in events.splitlines():
        if line.startswith(b"data:") and isinstance(data := _json(line[5:].strip()), dict) and "error" in data:
            return _said(data) or ": (it says no more)"
    return ""


class _Seen:
    """What has been seen of a stream: how many events, and whether every choice of the reply has come to its end."""

    def __init__(self) -> None:
        self.events = 0
        self._done = False
        self._choices: dict[Any, bool] = {}

    @property
    def ended(self) -> bool:
        return self._done or (bool(self._choices) and all(self._choices.values()))

    def see(self, part: bytes) -> None:
        """Looks at some whole events."""
        for line in part.splitlines():
            if not line.startswith(b"data:"):
                continue
            self.events += 1
            text = line[5:].strip()
            data = _json(text)
            if text == b"[DONE]" or (isinstance(data, dict) and (data.get("error") or data.get("type") in _ENDINGS)):
                self._done = True
            elif isinstance(data, dict) and isinstance(choices := data.get("choices"), list):
                for choice in choices:
                    if isinstance(choice, dict) and isinstance(index := choice.get("index", 0), int):
                        self._choices[index] = self._choices.get(index, False) or bool(choice.get("finish_reason"))


def _told(error: ApiError, count: int, named: bool) -> bytes:
    said = error.body["error"]
    if not named:
        return sse.event(error.body) + sse.DONE
    data = {"type": "error", "sequence_number": count, **{k: said[k] for k in ("code", "message", "param")}}
    return sse.named_event("error", {**data, "error": said}) + sse.DONE


def _json(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
