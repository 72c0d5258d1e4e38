"""RequestMiddleware: stands around every request, with one look at each message of its reply for all who want one."""

from __future__ import annotations

import asyncio
import logging
import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pilotage.agent.serve.body import CLIENT_CLOSED
from pilotage.agent.serve.errors import api_error, error_response
from pilotage.agent.serve.keys.rate_headers import rate_headers
from pilotage.agent.serve.metrics import ELSEWHERE, Metrics
from pilotage.agent.serve.requests.access_log import AccessLog
from pilotage.agent.serve.requests.request_context import RequestContext, in_request, request_id
from pilotage.agent.serve.stopping.drain import Drain, stopping

log = logging.getLogger("pilotage.serve")


class RequestMiddleware:
    """Gives each request an id and its reply the headers that all have; counts it, and logs it when it is over.

    It is the outermost of the application. An error that nobody foresaw ends here, so that its reply has them too.

    Args:
        app: the application.
        metrics: count requests.
        drain: closes connections once it has begun.
        access_log: is told of every request; None for no such log.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, drain: Drain, access_log: AccessLog | None) -> None:
        self._app = app
        self._metrics = metrics
        self._drain = drain
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status, begun, whole = time.perf_counter(), 500, False, False
        context = RequestContext(request_id(scope["headers"]))
        scope.setdefault("state", {})["request"] = context

        async def watched(message: Message) -> None:
            nonlocal status, begun, whole
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                message = {**message, "headers": self._headers(message["headers"], context)}
            await send(message)
            whole = message["type"] == "http.response.body" and not message.get("more_body", False)

        metrics = self._metrics
        metrics.in_flight.inc()
        try:
            with in_request(context):
                try:
                    await self._app(scope, receive, watched)
                except Exception as error:
                    log.error("a request failed", exc_info=error)
                    if not begun:
                        await error_response(api_error(error))(scope, receive, watched)
                except asyncio.CancelledError:  # of work that nobody watches
                    if not self._drain.is_cut:
                        raise
                    if not begun:
                        await error_response(stopping())(scope, receive, watched)
        finally:
            route, seconds = getattr(scope.get("route"), "path", ELSEWHERE), time.perf_counter() - started
            metrics.in_flight.dec()
            metrics.answered(route, status, seconds)
            if self._access_log is not None:
                there = whole and status != CLIENT_CLOSED
                self._access_log.write(context, scope["method"], route, status, seconds, whole=there)

    def _headers(self, own: list[tuple[bytes, bytes]], context: RequestContext) -> list[tuple[bytes, bytes]]:
        headers = [*own, (b"x-request-id", context.id.encode("ascii"))]
        if self._drain.begun:
            MutableHeaders(raw=headers)["Connection"] = "close"
        if context.remaining is not None:
            if context.settle is not None and any(name == b"content-length" for name, _ in own):
                context.settle()  # the reply is whole, and costs no more
            headers += rate_headers(context.remaining())
        return headers
