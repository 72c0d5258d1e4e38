"""Connections: bounds on what comes before a request is there, which uvicorn leaves to whoever stands in front.

Nobody has shown a key by then. A head may have so many bytes and take so long; what is over that is answered and
closed, so that a few clients cannot take the memory and the descriptors of all.
"""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

MOST_HEAD_BYTES = 64 * 1024
"""Of a request's first line and headers."""
HEAD_SECONDS = 30.0
"""That a head may take to come, from its connection or from the end of the request before."""
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_TOO_LATE = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

if TYPE_CHECKING:
    from uvicorn.protocols.http.h11_impl import H11Protocol as Protocol
elif find_spec("httptools") is not None:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as Protocol
else:
    from uvicorn.protocols.http.h11_impl import H11Protocol as Protocol


class BoundedProtocol(Protocol):
    """uvicorn's protocol, with the bounds of this module."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._head_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for a head."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Takes what comes; while no request is there it is of a head."""
        in_request = self._has_request
        super().data_received(data)
        if self._has_request:
            self._stop_waiting()
        elif not self.transport.is_closing():
            self._head_bytes += 0 if in_request else len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self._refuse(_TOO_LARGE)
            elif self._timer is None:
                self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _unsupported_upgrade_warning(self) -> None:
        """Says nothing: who asks for a WebSocket is answered as any request is, and stands in the access log."""

    @property
    def _has_request(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._refuse, _TOO_LATE)

    def _stop_waiting(self) -> None:
        self._head_bytes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, answer: bytes) -> None:
        self._stop_waiting()
        if not self._has_request and not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()
