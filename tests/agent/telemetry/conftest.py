"""One OpenTelemetry for the session, as an application has it, and what it was told in one test."""

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pilotage.agent.telemetry import spans


class Told:
    """The spans that have ended, in the order in which they began."""

    def __init__(self, exporter):
        self._exporter = exporter

    @property
    def spans(self):
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time)

    def named(self, name):
        return [span for span in self.spans if span.name == name]

    def one(self, name):
        [span] = self.named(name)
        return span

    def parent(self, span):
        return next((one for one in self.spans if span.parent and one.context.span_id == span.parent.span_id), None)

    @property
    def tree(self):
        """Each name with that of its parent."""
        return [(span.name, getattr(self.parent(span), "name", None)) for span in self.spans]

    def forget(self):
        self._exporter.clear()

    @property
    def everything(self):
        """All that is told, as one text."""
        return "\n".join(span.to_json() for span in self.spans)


@pytest.fixture
def told(monkeypatch):
    """Spans of one test. The provider is no global one, which could be set once only and would outlive the test."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    monkeypatch.delenv(spans.CAPTURE, raising=False)
    yield Told(exporter)
    provider.shutdown()
