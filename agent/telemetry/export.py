"""Export: sending spans to a collector over OTLP/HTTP, as the configuration or OpenTelemetry's own variables say."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from pilotage.agent.errors import MissingExtra, UsageError
from pilotage.agent.telemetry.spans import CAPTURE, SCOPE
from pilotage.common.addresses import checked_address

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_started: list[TracerProvider] = []
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL = "http/protobuf"


class Telemetry(BaseModel):
    """Where spans go.

    Attributes:
        endpoint: base URL of an OTLP/HTTP collector, which gets them at `/v1/traces`; by default the one of
            OTEL_EXPORTER_OTLP_ENDPOINT, and without either nothing is sent.
        content: whether messages, programs and concepts are sent too; by default what
            OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str | None = None
    content: bool | None = None


def start(telemetry: Telemetry) -> None:
    """Sends spans from now on, until `finish`.

    Where OpenTelemetry is set up already, as `opentelemetry-instrument` does, that is left as it is.

    Raises:
        UsageError: the endpoint or the protocol is none that can be sent to; a `MissingExtra` without the exporter.
    """
    if telemetry.content is not None:
        os.environ[CAPTURE] = "SPAN_ONLY" if telemetry.content else "NO_CONTENT"
    endpoint = telemetry.endpoint or next((given for name in ENDPOINTS if (given := os.environ.get(name))), None)
    off = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if endpoint is None or off or os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        return
    try:
        checked_address(endpoint, "a collector")
    except ValueError as error:
        raise UsageError(str(error)) from None
    protocol = next((given for name in PROTOCOLS if (given := os.environ.get(name))), PROTOCOL)
    if protocol != PROTOCOL:
        raise UsageError(f"spans are sent by {PROTOCOL}, not by {protocol}: unset OTEL_EXPORTER_OTLP_PROTOCOL")
    if find_spec("opentelemetry.exporter.otlp.proto.http") is None:
        raise MissingExtra("sending spans needs OpenTelemetry's exporter; install it: pip install 'pilotage[otel]'")
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return
    url = None if telemetry.endpoint is None else f"{telemetry.endpoint.rstrip('/')}/v1/traces"
    resource = Resource.create()  # by OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES
    if str(resource.attributes["service.name"]).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": SCOPE}))
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
    trace.set_tracer_provider(provider)
    _started.append(provider)


def finish() -> None:
    """Sends what is left, and ends. Blocks, where no collector answers for some ten seconds."""
    while _started:
        _started.pop().shutdown()
