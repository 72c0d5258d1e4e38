"""The span of a request to the server: ASGI middleware that goes on with the trace of whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pilotage.agent.telemetry.spans import CANCELLED, Opening, span, tracer

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

UNTOLD = frozenset({"/health", "/metrics"})
"""Routes that machines ask all day."""


class TracedRequests:
    """Tells of each request, until the last byte of its reply, with the id that its reply has.

    A path is told as its route alone, without the names in it and without the query: a namespace may be called after a
    person, and a query is what somebody searched for.
    """

    def __init__(self, app: ASGIApp, request_id: Callable[[Scope], str]) -> None:
        self._app = app
        self._request_id = request_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        if scope["type"] != "http" or scope["path"] in UNTOLD or tracer() is None:
            await self._app(scope, receive, send)
            return
        status, whole = 0, False

        async def watched(message: Message) -> None:
            nonlocal status, whole
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)
            whole = message["type"] == "http.response.body" and not message.get("more_body", False)

        with span(_asked, scope, self._request_id(scope)) as request:
            try:
                await self._app(scope, receive, watched)
            except Exception:
                status = 500
                raise
            finally:
                route = getattr(scope.get("route"), "path", None)
                if route is not None:
                    request.rename(f"{scope['method']} {route}")
                request.tell(_answered, route, status)
                if status >= 500:
                    request.failed({"error.type": str(status)})
                elif not whole:
                    request.failed({"error.type": CANCELLED})


def _asked(scope: Scope, request_id: str) -> Opening:
    from opentelemetry.propagate import extract

    headers: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    method = scope["method"]
    attributes = {
        "http.request.method": method,
        "url.scheme": scope.get("scheme", "http"),
        "http.response.header.x-request-id": [request_id],
    }
    return Opening(method, attributes, "SERVER", extract(headers))


def _answered(route: str | None, status: int) -> dict[str, Any]:
    return {"http.route": route, "url.path": route, "http.response.status_code": status or None}
