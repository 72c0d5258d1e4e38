"""Metrics for Prometheus: requests, how long they took, what they cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

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

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Adds a request that is over; what is no route is told as `ELSEWHERE`."""
        self.requests.labels(route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def follow_dropped_lines(self, dropped: Callable[[], int]) -> None:
        """Tells how many lines of the access log were left out, as `dropped` says."""
        self._registry.register(_DroppedLines(dropped))

    def text(self) -> bytes:
        """All of them in Prometheus's text format."""
        return generate_latest(self._registry)


class _DroppedLines(Collector):
    """Reads a count that is kept elsewhere whenever the metrics are asked for."""

    def __init__(self, dropped: Callable[[], int]) -> None:
        self._dropped = dropped

    def collect(self) -> Iterator[CounterMetricFamily]:
        """The count now."""
        yield CounterMetricFamily(
            "pilotage_access_log_lines_dropped", "Lines of the access log that were left out", value=self._dropped()
        )
