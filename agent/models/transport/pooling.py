"""Pooling: connections that a client library keeps open belong to the event loop that opened them.

Libraries share their pools between models and keep them over loops, so the next `asyncio.run`, or the loop of another
agent, would take up a connection that it cannot read. Beside the seconds of a model call a handshake does not count, so
connections are closed after each call.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pilotage.agent.models.transport.retry import causes

CLOSE = {"Connection": "close"}
FOUND_WITHIN = 2
_SIGNS = ("loop is closed", "different event loop", "different loop")


def takes_headers(model: Any) -> bool:
    """Whether each call of this class can say `CLOSE` itself, as those over the large vendors' own clients can."""
    return "default_headers" in type(model).model_fields


def keep_none(model: Any) -> None:
    """Lets the HTTP clients inside a model say `CLOSE`, where its calls cannot."""
    if not takes_headers(model):
        for client in _http_clients(model, FOUND_WITHIN):
            client.headers.update(CLOSE)


def met_another_loop(error: BaseException) -> bool:
    """Whether a library took up a connection that belongs to another event loop, or to one that has ended."""
    return any(
        isinstance(cause, RuntimeError) and any(sign in str(cause) for sign in _SIGNS) for cause in causes(error)
    )


def _http_clients(holder: Any, depth: int) -> Iterator[Any]:
    held = [*getattr(holder, "__dict__", {}).values(), *(getattr(holder, "__pydantic_private__", None) or {}).values()]
    for value in held:
        kinds = type(value).__mro__
        if any(kind.__name__ == "AsyncClient" and kind.__module__.startswith("httpx") for kind in kinds):
            yield value
        elif depth > 1 and type(value).__name__ in ("AsyncClient", "Client"):
            yield from _http_clients(value, depth - 1)
