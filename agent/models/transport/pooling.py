"""Pooling: connections that a client library keeps open belong to the event loop that opened them.

Libraries share their pools between models and keep them over loops, so the next `asyncio.run`, or the loop of another
agent, would take up a connection that it cannot read. Beside the seconds of a model call a handshake does not count, so
connections are closed after each call.
"""

from __future__ import annotations

from typing import Any

from pilotage.agent.models.transport.retry import causes

CLOSE = {"Connection": "close"}
CLIENT_WITHIN = 3
"""How deep a library's objects hold the HTTP client, each as `_client` of the one outside."""
_SIGNS = ("loop is closed", "different event loop", "different loop")


def takes_headers(model: Any) -> bool:
    """Whether each call of this class can say `CLOSE` itself, as those over the large vendors' own clients can."""
    return "default_headers" in type(model).model_fields


def keep_none(model: Any) -> None:
    """Lets the HTTP clients inside a model say `CLOSE`, where its calls cannot."""
    if not takes_headers(model):
        for client in filter(None, map(http_client, parts_of(model))):
            client.headers.update(CLOSE)


def met_another_loop(error: BaseException) -> bool:
    """Whether a library took up a connection that belongs to another event loop, or to one that has ended."""
    return any(
        isinstance(cause, RuntimeError) and any(sign in str(cause) for sign in _SIGNS) for cause in causes(error)
    )


def parts_of(model: Any) -> list[Any]:
    """The objects that a model holds, its private ones among them."""
    return [*vars(model).values(), *(getattr(model, "__pydantic_private__", None) or {}).values()]


def http_client(holder: Any) -> Any:
    """The asynchronous HTTP client that an object is, or has inside; None where it has none."""
    for _ in range(CLIENT_WITHIN):
        kinds = type(holder).__mro__
        if type(holder).__module__ == "builtins":
            return None
        if any(kind.__name__ == "AsyncClient" and kind.__module__.startswith("httpx") for kind in kinds):
            return holder
        holder = getattr(holder, "_client", None)
    return None
