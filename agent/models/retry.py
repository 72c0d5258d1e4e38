"""Retries: which failures of an endpoint are worth another try, and how long to wait."""

from __future__ import annotations

import email.utils
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from agent.redaction import redact_message
from agent.text import carriable

RETRYABLE_STATUS = frozenset({408, 409, 425, 429})
# Matched by name over the class hierarchy: httpx, httpx2, openai, anthropic and aiohttp each bring their own,
# and importing them all to compare classes would load libraries that nobody uses.
UNREACHED = frozenset({"ConnectError", "ConnectTimeout", "ClientConnectorError", "ConnectionRefusedError", "gaierror"})
"""Nobody was there to read the request."""
OF_ENDPOINT = frozenset({401, 402, 403, 404, 405, 407, 410, 429})
"""Statuses that every other request would meet too: the key, the model's name, the address, the quota."""
TRANSPORT_ERRORS = frozenset({"TransportError", "APIConnectionError", "ClientConnectionError"})


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff with jitter; delays in seconds.

    `longest_wait` bounds what a server may ask for with Retry-After; if it asks for more, the call fails.
    """

    retries: int = 4
    first_delay: float = 0.5
    longest_delay: float = 30.0
    longest_wait: float = 120.0

    def delay(self, failures: int, retry_after: float | None) -> float:
        """Seconds to wait after the n-th failure (from 1)."""
        if retry_after is not None:
            return retry_after
        backoff = min(self.first_delay * 2.0 ** (failures - 1), self.longest_delay)
        return backoff * random.uniform(0.5, 1.5)


@dataclass(frozen=True)
class Failure:
    """A failed call, in terms that do not depend on the client library."""

    status: int | None
    retryable: bool
    retry_after: float | None
    detail: str
    reached: bool = True

    @property
    def final(self) -> Failure:
        """This, after which nothing is tried again."""
        return replace(self, retryable=False)

    @property
    def of_endpoint(self) -> bool:
        """Whether every other request would meet it too; of other failures this request may be the cause."""
        return not self.reached or self.status in OF_ENDPOINT


def diagnose(error: BaseException) -> Failure | None:
    """Reads status and Retry-After out of a library's exception; None for what is no endpoint failure."""
    detail = _first_line(error)
    for cause in causes(error):
        status = _status(cause)
        if status is not None:
            retryable = status in RETRYABLE_STATUS or 500 <= status < 600
            return Failure(status, retryable, _retry_after(cause), detail)
        # An `APIError` proper, without status, is an error event in the middle of a stream.
        dropped = isinstance(cause, TimeoutError | ConnectionError) or type(cause).__name__ == "APIError"
        if dropped or _kinds(cause) & TRANSPORT_ERRORS:
            return Failure(None, True, None, detail, reached=not any(map(_is_unreached, causes(error))))
    return None


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it was raised from, step by step."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__


def _kinds(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _is_unreached(error: BaseException) -> bool:
    # Some libraries make a bare `ConnectionError` of it, and none of a connection that breaks later.
    return bool(_kinds(error) & UNREACHED) or type(error) is ConnectionError


def _status(error: BaseException) -> int | None:
    for holder in (error, getattr(error, "response", None)):
        for field in ("status_code", "code"):
            value = getattr(holder, field, None)
            if type(value) is int and 300 <= value < 1000:
                return value
    return None


def _retry_after(error: BaseException) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    value = headers.get("retry-after")
    if not isinstance(value, str):
        return None
    try:
        seconds = float(value)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    except ValueError:
        pass  # the other legal form is an HTTP date
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _first_line(error: BaseException) -> str:
    text = redact_message(carriable(str(error))).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:300]}" if text else type(error).__name__
