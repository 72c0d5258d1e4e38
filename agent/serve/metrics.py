"""Metrics for Prometheus: requests, how long they took, what they cost."""

from __future__ import annotations

import time
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pilotage.agent.run import Run
from pilotage.agent.serve.upstreams.link import Listener
from pilotage.agent.trace import Usage

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ELSEWHERE = "other"
"""What stands for every path that is no route: a client could ask for any number of them."""


class Metrics(Listener):
    """What one server process has served."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        labels = ("route", "status")
        self.requests = Counter("pilotage_requests", "Requests answered", labels, registry=self._registry)
        self.seconds = Histogram(
            "pilotage_request_seconds",
            "Seconds from a request to the end of its reply",
            ("route",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self.in_flight = Gauge("pilotage_requests_in_flight", "Requests being answered", registry=self._registry)
        self._tokens = Counter(
            "pilotage_tokens", "Tokens of upstream calls", ("upstream", "kind"), registry=self._registry
        )
        self._calls = Counter("pilotage_upstream_calls", "Upstream calls", ("upstream",), registry=self._registry)
        self._cost = Counter(
            "pilotage_cost_usd",
            "US dollars that upstream calls cost, as far as prices are known",
            ("upstream", "model"),
            registry=self._registry,
        )
        self._failures = Counter(
            "pilotage_upstream_failures",
            "Requests at which an upstream failed, its retries included",
            ("upstream", "why"),
            registry=self._registry,
        )
        self._runs = Counter(
            "pilotage_runs", "Runs by how they ended", ("stopped_by", "thought"), registry=self._registry
        )

    def spent(self, upstream: str, model: str, usage: Usage) -> None:
        """Adds what calls of an upstream have cost, as soon as they have ended."""
        self._calls.labels(upstream).inc(usage.llm_calls)
        for kind, tokens in (
            ("prompt", usage.prompt_tokens),
            ("cached", usage.cached_tokens),
            ("completion", usage.completion_tokens),
        ):
            self._tokens.labels(upstream, kind).inc(tokens)
        if usage.priced_tokens:
            self._cost.labels(upstream, model).inc(usage.cost_usd)

    def failed(self, upstream: str, why: str) -> None:
        """Adds a failure of an upstream."""
        self._failures.labels(upstream, why).inc()

    def count(self, runs: Sequence[Run]) -> None:
        """Adds runs by how they ended."""
        for run in runs:
            self._runs.labels(run.stopped_by, str(len(run.route) > 1).lower()).inc()

    def text(self) -> bytes:
        """All of them in Prometheus's text format."""
        return generate_latest(self._registry)


class Measured:
    """ASGI middleware that counts every request, until the last byte of its reply."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        metrics = self._metrics
        metrics.in_flight.inc()
        try:
            await self._app(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", ELSEWHERE)
            metrics.in_flight.dec()
            metrics.requests.labels(route, str(status)).inc()
            metrics.seconds.labels(route).observe(time.perf_counter() - started)
