"""Session: the connections over which requests are passed on, kept open between them."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx

CONNECT_SECONDS = 10.0
_IDLE_SECONDS = 4.0
"""Servers close a connection that was idle for 5 s and more; a request must not be sent just then."""
_HEADER_BYTES = 2**16


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
        return await self._opened.post(url, data=content, headers=headers, allow_redirects=False, proxy=_proxy_to(url))

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


@lru_cache(maxsize=64)
def _proxy_to(url: str) -> str | None:
    """The proxy that the environment names for an address, or none."""
    to, proxies = urlsplit(url), getproxies()
    if proxy_bypass(to.netloc.rpartition("@")[2]):
        return None
    proxy = proxies.get(to.scheme) or proxies.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"
