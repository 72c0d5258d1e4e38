"""Reasons: why a call of an upstream failed, in words of ours: aiohttp's quote bytes, cookies and keys among them."""

from __future__ import annotations

import aiohttp
from aiohttp.http import HttpProcessingError

from pilotage.common.redaction import redact_message

BROKEN = (aiohttp.ClientError, HttpProcessingError)
"""What a connection that fails raises; the second is of aiohttp's parser, and no ClientError."""


def reason(error: BaseException) -> str:
    """Why a connection failed."""
    match error:
        case aiohttp.ServerDisconnectedError():
            return "the connection was closed before a reply was there"
        case aiohttp.ClientHttpProxyError():
            return f"the proxy answered with status {error.status}"
        case aiohttp.ClientPayloadError():
            return "it ended before its end, or its encoding is broken"
        case aiohttp.ClientResponseError() | HttpProcessingError():
            return "what came is no HTTP"
    return redact_message(str(error)) or type(error).__name__
