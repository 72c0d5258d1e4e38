"""Retries: which failures of an endpoint are worth another try, and how long to wait."""

from __future__ import annotations

import email.utils
import json
import math
import random
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pilotage.common.redaction import redact_message
from pilotage.common.text import carriable

_STATUS = re.compile(r"[3-5][0-9]{2}")
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

    Attributes:
        after_timeouts: whether a call that took too long is made again.
        unusable: further calls where a reply has no text that could be used.
    """

    retries: int = 4
    after_timeouts: bool = True
    unusable: int = 1
    first_delay: float = 0.5
    longest_delay: float = 30.0
    longest_wait: float = 120.0

    def delay(self, failures: int, retry_after: float | None) -> float:
        """Seconds to wait after the n-th failure (from 1)."""
        if retry_after is not None:
            return retry_after
        backoff = min(self.first_delay * 2.0 ** (failures - 1), self.longest_delay)
        return backoff * random.uniform(0.5, 1.5)


class ServerError(Exception):
    """An error that a server sent where a reply should stand, with a status that says that all is well."""

    def __init__(self, body: Any) -> None:
        message = body.get("message") if isinstance(body, Mapping) else body
        super().__init__(str(message or body))
        self.body = body
        self.code = body.get("code") if isinstance(body, Mapping) else None


@dataclass(frozen=True)
class Failure:
    """A failed call, in terms that do not depend on the client library.

    `answered` is true where no status tells of the failure but a message of the server does.
    """

    status: int | None
    retryable: bool
    retry_after: float | None
    detail: str
    reached: bool = True
    answered: bool = False

    @property
    def of_endpoint(self) -> bool:
        """Whether every other request would meet it too; of other failures this request may be the cause."""
        return not self.reached or self.status in OF_ENDPOINT

    def told(self, where: str, name: str, failures: int, *, advise: bool = True) -> str:
        """What a user is told of the model `name` at `where` that has failed so often, with what to do about it."""
        tries = "1 try" if failures == 1 else f"{failures} tries"
        if self.answered:
            what, advice = f"answered with an error after {tries}", "see the server's message and its log"
        elif self.status is None:
            what, advice = f"could not be reached after {tries}", "check that the server runs and that the URL is right"
        elif self.status < 400:
            what, advice = f"answered with HTTP {self.status} instead of a reply", "check the base URL"
        else:
            what, advice = f"refused with HTTP {self.status} after {tries}", self._advice(name)
        detail = "" if self.status is not None and self.status < 400 else f" ({self.detail})"
        return f"{where} {what}{detail}; {advice}." if advise else f"{where} {what}{detail}."

    def _advice(self, name: str) -> str:
        return {
            401: "check the API key",
            403: "check the API key and its permissions",
            404: f"check the model name ({name}) and the base URL",
            429: "wait, or lower the concurrency",
        }.get(self.status or 0, "see the server's message")


def took_too_long(error: BaseException) -> bool:
    """Whether a call was given up because of its time limit."""
    return any(isinstance(cause, TimeoutError) for cause in causes(error))


def diagnose(error: BaseException) -> Failure | None:
    """Reads status and Retry-After out of a library's exception; None for what is no endpoint failure."""
    detail = _first_line(error)
    for cause in causes(error):
        status = _status(cause)
        if status is not None:
            retryable = status in RETRYABLE_STATUS or 500 <= status < 600
            return Failure(status, retryable, _retry_after(cause), detail)
        # An `APIError` proper, without status, is an error event in the middle of a stream.
        if isinstance(cause, ServerError) or type(cause).__name__ == "APIError":
            return Failure(None, True, None, detail, answered=True)
        if is_no_stream(cause):
            return None
        if isinstance(cause, TimeoutError | ConnectionError) or kinds_of(cause) & TRANSPORT_ERRORS:
            # Some libraries make a bare `ConnectionError` of it, and none of a connection that breaks later.
            unreached = any(kinds_of(one) & UNREACHED or type(one) is ConnectionError for one in causes(error))
            return Failure(None, True, None, detail, reached=not unreached)
    return None


def is_no_stream(error: BaseException) -> bool:
    """Whether something else came where a stream was asked for: httpx-sse makes a transport error of a body's kind."""
    return "SSEError" in kinds_of(error)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it was raised from, step by step."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__


def kinds_of(error: BaseException) -> set[str]:
    """Names of an error's class and of those above it."""
    return {kind.__name__ for kind in type(error).__mro__}


def _status(error: BaseException) -> int | None:
    for holder in (error, getattr(error, "response", None)):
        for field in ("status_code", "code"):
            value = getattr(holder, field, None)
            value = int(value) if isinstance(value, str) and _STATUS.fullmatch(value) else value
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
    """An error's kind and words; with what the server said, where its words leave that out."""
    text = redact_message(carriable(str(error) + _rest_of_body(error))).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:300]}" if text else type(error).__name__


def _rest_of_body(error: BaseException) -> str:
    body = next((body for cause in causes(error) if (body := getattr(cause, "body", None))), None)
    if not isinstance(body, str | Mapping):
        return ""
    known = str(error)
    texts = [body] if isinstance(body, str) else [text for text in body.values() if isinstance(text, str)]
    if any(text.strip()[:40] in known for text in texts):
        return ""
    whole = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, default=str)
    return f" - {' '.join(whole.split())}"
