"""Events of an upstream's stream that is passed through, as they come, and an error where it is broken.

A client is given whole events. A stream that ends before its reply, one that fails, and one that takes too long end
with an error in OpenAI's form.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import aiohttp

from pilotage.agent.serve import sse
from pilotage.agent.serve.errors import ApiError
from pilotage.agent.serve.passing.reasons import BROKEN
from pilotage.agent.serve.passing.relay import broken, error_said, json_of, unusable

MOST_EVENT_BYTES = 4 * 2**20
_ENDINGS = ("response.completed", "response.incomplete", "response.failed", "error")
"""Events that end a stream of the Responses API."""


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
            before that are left out.
    """
    rest, seen, begun = _Rest(), _Seen(), False
    late = False

    def cut() -> None:
        nonlocal late
        late = True
        response.close()

    timer = asyncio.get_running_loop().call_at(deadline, cut)
    try:
        async for piece in response.content.iter_any():
            part = rest.whole_events(piece)
            if len(rest) > MOST_EVENT_BYTES:
                raise unusable(f"an event of the upstream is larger than {MOST_EVENT_BYTES} bytes")
            if part and (begun or _begins(part)):
                begun = True
                seen.see(part)
                yield account(part)
        last = rest.all()
        begun = begun or _begins(last)
        seen.see(last)
        if not seen.ended:
            raise unusable("the upstream's stream broke off before its reply was whole")
        if last.strip():
            yield account(last + b"\n\n")
    except (*BROKEN, ApiError) as error:
        failed = error if isinstance(error, ApiError) else broken(TimeoutError() if late else error)
        if not begun:
            raise failed from error
        if not seen.ended:
            yield told(failed, seen.events, named)
    finally:
        timer.cancel()
        response.close()


class _Rest:
    """What has come of the event that is not whole yet. Each byte is looked at once, however small the pieces are."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def __len__(self) -> int:
        return len(self._bytes)

    def whole_events(self, piece: bytes) -> bytes:
        """The events that the next piece makes whole."""
        start = max(len(self._bytes) - 3, 0)
        self._bytes += piece
        place = max(self._bytes.rfind(end, start) + len(end) for end in (b"\n\n", b"\r\n\r\n", b"\r\r"))
        if place <= 3:  # none, or a blank line before the first event
            return b""
        whole = bytes(self._bytes[:place])
        del self._bytes[:place]
        return whole if b"\n" in whole else whole.replace(b"\r", b"\n")  # which few clients take for an end of line

    def all(self) -> bytes:
        """Whatever is there."""
        return bytes(self._bytes)


def _begins(part: bytes) -> bool:
    """Whether the reply begins in a part of a stream. Raises ApiError where an error is the first of its events."""
    if b"data:" not in part:
        return False
    first = next((line for line in part.splitlines() if line.startswith(b"data:")), None)
    if first is None:
        return False
    data = json_of(first[5:].strip())
    if isinstance(data, dict) and (data.get("error") or data.get("type") == "error"):
        raise unusable(f"the upstream's stream is an error{error_said(data) or ': (it says no more)'}")
    return True


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
            data = json_of(text)
            if text == b"[DONE]" or (isinstance(data, dict) and (data.get("error") or data.get("type") in _ENDINGS)):
                self._done = True
            elif isinstance(data, dict) and isinstance(choices := data.get("choices"), list):
                for choice in choices:
                    if isinstance(choice, dict) and isinstance(index := choice.get("index", 0), int):
                        self._choices[index] = self._choices.get(index, False) or bool(choice.get("finish_reason"))


def told(error: ApiError, count: int, named: bool) -> bytes:
    """The last event of a stream that fails, and the end.

    Args:
        error: what is told.
        count: of the events before.
        named: whether the events have names.
    """
    said = error.body["error"]
    if not named:
        return sse.event(error.body) + sse.DONE
    data = {"type": "error", "sequence_number": count, **{k: said[k] for k in ("code", "message", "param")}}
    return sse.named_event("error", {**data, "error": said}) + sse.DONE
