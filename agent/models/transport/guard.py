"""Guard: what an HTTP client reads of a reply is limited, and nothing is sent on to another host.

It works through the event hooks that httpx and its successor share, so that proxies, certificates and time-outs stay
those of the client.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator
from contextvars import ContextVar
from functools import cache
from typing import Any

from pilotage.agent.models.reply import Request
from pilotage.common.redaction import redact

READ_BYTES = 4 * 2**20
BYTES_PER_TOKEN = 2 * 2**10
"""An event of a stream, with what servers add to each."""
BYTES_PER_ALTERNATIVE = 512

MOST_CHARACTERS_PER_TOKEN = 32
SPARE_CHARACTERS = 4_000

PIECE_BYTES = 2**16
SHOWN = 200
UNDERSTOOD = "gzip, deflate"
_EITHER_FORMAT = zlib.MAX_WBITS + 32  # zlib tells gzip and deflate apart itself
_DONE = re.compile(rb"(?:^|[\r\n])data: ?\[DONE\]")


class Overlong(Exception):
    """More came than the longest reply that was asked for can take; the connection is closed."""


class Elsewhere(Exception):
    """The endpoint wants what it was sent to be sent to another address; it was not."""


class Garbled(ValueError):
    """The body is not in the encoding that it claims, or in one that nobody asked for."""


class Reading:
    """What may be read for one call, in bytes of the unpacked body, and what was seen of the answer on the way.

    Attributes:
        done: whether its stream came to its end.
        status: its HTTP status, where the client is one of those that `hooks` watch.
        usage: the account in a whole answer, as the server wrote it, also where nothing else of it can be used.
    """

    def __init__(self, limit: int = READ_BYTES) -> None:
        self.limit = limit
        self.done = False
        self.status: int | None = None
        self.usage: Any = None
        self._tail = b"\n"

    def look_for_end(self, piece: bytes) -> None:
        """Notes the line that ends an event stream."""
        if not self.done:
            seen = self._tail + piece
            self.done, self._tail = _DONE.search(seen) is not None, seen[-32:]


current: ContextVar[Reading | None] = ContextVar("current", default=None)
"""The reading of the call that is being made; without one, that of a short answer."""


def byte_limit(request: Request) -> int:
    """Bytes that the body of a reply to this request may have."""
    event = BYTES_PER_TOKEN + BYTES_PER_ALTERNATIVE * request.top_logprobs
    return READ_BYTES + event * request.max_tokens


def character_limit(request: Request) -> int:
    """Characters that a reply to this request may have; a server that writes more ignores the limit."""
    return SPARE_CHARACTERS + MOST_CHARACTERS_PER_TOKEN * request.max_tokens


def hooks() -> dict[str, list[Any]]:
    """`event_hooks` for an asynchronous client."""
    return {"request": [_ask_for_known_encodings], "response": [_watch]}


async def _ask_for_known_encodings(request: Any) -> None:
    request.headers["Accept-Encoding"] = UNDERSTOOD


async def _watch(response: Any) -> None:
    """Stays on the host that was asked, and limits what is read of the body."""
    reading = current.get() or Reading()
    reading.status = response.status_code
    if response.has_redirect_location:
        asked, target = response.url, response.url.join(response.headers["location"])
        if (asked.scheme, asked.host, asked.port) != (target.scheme, target.host, target.port):
            port = "" if target.port is None else f":{target.port}"
            origin = f"{target.scheme}://{target.host}{port}"
            raise Elsewhere(f"redirects to {origin}{redact(target.path)[:SHOWN]}, another address")
    encoding = response.headers.pop("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "x-gzip", "deflate"):
        raise Garbled(f"the body is packed as '{redact(encoding)[:40]}', which nobody asked for")
    pieces = _pieces(response.stream, encoding not in ("identity", ""), reading)
    response.stream = _watched(type(response.stream).__mro__)(response.stream, pieces)


async def _pieces(stream: Any, packed: bool, reading: Reading) -> AsyncIterator[bytes]:
    total = 0
    async for piece in _unpacked(stream) if packed else stream:
        total += len(piece)
        if total > reading.limit:
            raise Overlong(f"it sent more than {reading.limit:,} bytes")
        reading.look_for_end(piece)
        yield piece


async def _unpacked(stream: Any) -> AsyncIterator[bytes]:
    """The body unpacked in small pieces, so that a bomb is seen before it goes off."""
    unpacker = zlib.decompressobj(_EITHER_FORMAT)
    try:
        async for waiting in stream:
            while waiting and not unpacker.eof:
                piece = unpacker.decompress(waiting, PIECE_BYTES)
                waiting = unpacker.unconsumed_tail
                if piece:
                    yield piece
        if rest := unpacker.flush():
            yield rest
    except zlib.error as error:
        raise Garbled(f"the body cannot be unpacked ({error})") from error


@cache
def _watched(kinds: tuple[type, ...]) -> Any:
    """A body of the class that the client's library wants, over other bytes; one class for each of the library's."""
    base: Any = next(base for base in kinds if base.__name__ == "AsyncByteStream")

    class Watched(base):  # type: ignore[misc]
        def __init__(self, original: Any, pieces: AsyncIterator[bytes]) -> None:
            self._original, self._pieces = original, pieces

        def __aiter__(self) -> AsyncIterator[bytes]:
            return self._pieces

        async def aclose(self) -> None:
            await self._original.aclose()

    return Watched
