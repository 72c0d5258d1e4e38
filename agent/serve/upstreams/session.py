"""Session: the connections over which requests are passed on, kept open between them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache, partial
from io import BytesIO
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx

CONNECT_SECONDS = 10.0
_IDLE_SECONDS = 4.0
"""Servers close a connection that was idle for 5 s and more; a request must not be sent just then."""
_HEADER_BYTES = 2**16
_AT_ONCE = 2**20
"""Bytes that are written at once; a longer body goes in pieces, between which others have their turn."""


class Session:
    """Posts requests, and follows no redirect. Certificates and proxies are those of the clients of models."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, content: bytes, headers: dict[str, str]) -> aiohttp.ClientResponse:
        """The response to a request, of whose body nothing was read; credentials in the address stand in for a key.

        Raises:
            aiohttp.ClientError: there is none.
        """
        if urlsplit(url).username is not None:
            headers = {name: value for name, value in headers.items() if name != "Authorization"}
        data = content if len(content) <= _AT_ONCE else BytesIO(content)
        response = await self._opened.post(url, data=data, headers=headers, allow_redirects=False, proxy=_proxy_to(url))
        _end_with_its_connection(response)
        return response

    async def aclose(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()

    @property
    def _opened(self) -> aiohttp.ClientSession:
        """Made by the first request, as it belongs to the event loop that runs then."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, keepalive_timeout=_IDLE_SECONDS, ssl=httpx.create_ssl_context()
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                max_line_size=_HEADER_BYTES,
                max_field_size=_HEADER_BYTES,
            )
        return self._session


def _end_with_its_connection(response: aiohttp.ClientResponse) -> None:
    """Ends a body whose connection is gone.

    Where the framing of chunks breaks, aiohttp (3.14, `ResponseHandler.data_received`) closes the connection and tells
    whoever reads the body nothing, who then waits for good.
    """
    content, protocol = response.content, response.connection and response.connection.protocol
    if protocol is None or content.is_eof():
        return

    def lost(closed: asyncio.Future[None] | None) -> None:
        if closed is not None and not closed.cancelled():
            closed.exception()  # looked at, or asyncio logs that nobody did
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("the connection was closed within a body"))

    if (closed := protocol.closed) is None:
        lost(None)
    else:
        closed.add_done_callback(lost)
        content.on_eof(partial(_forget, closed, lost))


def _forget(closed: asyncio.Future[None], lost: Callable[[asyncio.Future[None]], None]) -> None:
    closed.remove_done_callback(lost)


@lru_cache(maxsize=64)
def _proxy_to(url: str) -> str | None:
    """The proxy that the environment names for an address, or none."""
    to, proxies = urlsplit(url), getproxies()
    if proxy_bypass(to.netloc.rpartition("@")[2]):
        return None
    proxy = proxies.get(to.scheme) or proxies.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"
