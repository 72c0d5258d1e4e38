"""Headers of an upstream's reply that a client has a use for, as far as they can be handed on."""

from __future__ import annotations

import re

import aiohttp

from pilotage.agent.serve.requests.request_context import is_sane
from pilotage.common.redaction import redact

_KEPT = ("content-type", "retry-after", "openai-processing-ms")
_VALUE = re.compile(r"[!-~](?:[ -~]{0,254}[!-~])?")
"""What every client reads: aiohttp gives bytes beyond ASCII as characters that no header can be written with."""


def kept_headers(response: aiohttp.ClientResponse, media_type: str) -> dict[str, str]:
    """What is handed on; no value that is none, and none with a key in it, which some upstreams echo.

    Args:
        response: of the upstream.
        media_type: stands for one that cannot be handed on.
    """
    kept = {"content-type": media_type}
    for name in _KEPT:
        if _VALUE.fullmatch(value := response.headers.get(name, "")) and redact(value) == value:
            kept[name] = value
    id = response.headers.get("x-request-id", "")
    if is_sane(id.encode("utf-8", "surrogateescape")) and redact(id) == id:
        kept["X-Upstream-Request-ID"] = id
    return kept
