"""RequestContext: what is known of one request, for its reply's headers, the log and the trace."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import Scope

    from pilotage.agent.account import Account
    from pilotage.agent.serve.keys.limits import Remaining

_SANE = re.compile(rb"[!-~]{1,128}")
_LOGS = ("pilotage", "pilotage.serve")
"""Logs that tell of requests."""


@dataclass(slots=True)
class RequestContext:
    """One request.

    Attributes:
        id: the client's own where it sent one, else a new one.
        key: id of the key; empty where there is none.
        model: as asked; empty where none was.
        account: counts its tokens; None where it was not admitted, or costs none.
        settle: gives back what was reserved beyond what was used; None where nothing was.
        remaining: what is left of the key's limits now, by what they count; None where it has none.
    """

    id: str
    key: str = ""
    model: str = ""
    account: Account | None = None
    settle: Callable[[], None] | None = None
    remaining: Callable[[], Mapping[str, Remaining]] | None = None

    def read(self, body: Any) -> None:
        """Notes the model that a body asks for."""
        if isinstance(body, dict) and isinstance(model := body.get("model"), str):
            self.model = model


_current: ContextVar[RequestContext | None] = ContextVar("request", default=None)


def context_of(scope: Scope) -> RequestContext:
    """The context of a request."""
    context: RequestContext = scope["state"]["request"]
    return context


@contextmanager
def in_request(context: RequestContext) -> Iterator[None]:
    """What is logged within names the request; tasks that are started there too."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


def is_sane(id: bytes) -> bool:
    """Whether it can be the id of a request: 1 to 128 printable ASCII characters without spaces."""
    return _SANE.fullmatch(id) is not None


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The client's own id, where its headers have one that is sane, else a new one."""
    for name, value in headers:
        if name == b"x-request-id" and is_sane(value := value.strip(b" \t")):
            return value.decode("ascii")
    return f"req_{secrets.token_hex(16)}"


def _name_request(record: logging.LogRecord) -> bool:
    context = _current.get()
    if context is not None:
        # Without arguments, or a client's id could hold what logging would format.
        record.msg, record.args = f"{record.getMessage()} (request {context.id})", None
    return True


def name_requests_in_log() -> None:
    """Has the log name the request that a line is about."""
    for name in _LOGS:
        logging.getLogger(name).addFilter(_name_request)
