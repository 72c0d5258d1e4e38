"""Spans: what is told of an operation to OpenTelemetry, where the application has set it up; else nothing, for nothing.

The names are those of the GenAI semantic conventions, release 0.1.0
(https://github.com/open-telemetry/semantic-conventions-genai); what they have no name for begins with `pilotage.`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from importlib.metadata import version
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, ParamSpec

from pilotage.common.redaction import redact_message
from pilotage.common.text import carriable

if TYPE_CHECKING:
    from opentelemetry import trace
    from opentelemetry.context import Context

P = ParamSpec("P")
Attributes = Mapping[str, Any]
"""Values are strings, numbers, booleans or sequences of one of these; what is None is left out."""
SCOPE = "pilotage"
CANCELLED = "cancelled"
"""The `error.type` of what its caller did not wait for."""
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
CAPTURING = frozenset({"true", "span_only", "span_and_event"})
"""Its values that put messages into spans. `true` is what it was before it had others."""


class Opening(NamedTuple):
    """What is known of an operation when it begins."""

    name: str
    attributes: Attributes
    kind: Literal["INTERNAL", "CLIENT", "SERVER"] = "INTERNAL"
    parent: Context | None = None


class Span(AbstractContextManager["Span"]):
    """An operation, from where `with` enters it to where it is left; without OpenTelemetry it tells nobody.

    What is done within belongs to it, unless it is made `apart`: a generator must leave its caller's context as it is,
    and says by `within` what belongs to the span.

    Args:
        tracer: makes the span; None where nobody listens.
        opening: what is known at its beginning, made only where somebody listens.
        apart: do not make it the parent of what is done within.
        failure: the attributes of an exception that ends it, `error.type` among them.
    """

    __slots__ = ("_apart", "_failure", "_opening", "_scope", "_span", "_tracer")

    def __init__(
        self,
        tracer: trace.Tracer | None,
        opening: Callable[[], Opening],
        *,
        apart: bool = False,
        failure: Callable[[BaseException], Attributes] | None = None,
    ) -> None:
        self._tracer = tracer
        self._opening = opening
        self._apart = apart
        self._failure = failure or failure_of
        self._span: trace.Span | None = None
        self._scope: AbstractContextManager[Any] | None = None

    def __enter__(self) -> Span:
        if self._tracer is not None:
            from opentelemetry.trace import SpanKind

            opening = self._opening()
            self._span = self._tracer.start_span(
                opening.name, opening.parent, SpanKind[opening.kind], attributes=_there(opening.attributes)
            )
            if not self._apart:
                self._scope = self.within()
                self._scope.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._span is None:
            return
        if self._scope is not None:
            self._scope.__exit__(None, None, None)
        if error is not None:
            self.failed(self._failure(error), str(error))
        self._span.end()

    def within(self) -> AbstractContextManager[Any]:
        """A context in which what begins belongs to this span."""
        return nullcontext() if self._span is None else _current(self._span)

    def tell(self, make: Callable[P, Attributes], *args: P.args, **kwargs: P.kwargs) -> None:
        """Adds the attributes that a function makes, which is called only where somebody listens."""
        if self._span is not None and self._span.is_recording():
            self._span.set_attributes(_there(make(*args, **kwargs)))

    def failed(self, failure: Attributes, message: str = "") -> None:
        """Says that the operation has failed; the message may quote a prompt, and is told with the content alone."""
        if self._span is not None and self._span.is_recording():
            from opentelemetry.trace import Status, StatusCode

            told = redact_message(carriable(message)) if message and captures_content() else None
            self._span.set_attributes(_there(failure))
            self._span.set_status(Status(StatusCode.ERROR, told))

    def rename(self, name: str) -> None:
        """Gives it another name, once more is known."""
        if self._span is not None:
            self._span.update_name(name)


def span(make: Callable[P, Opening], *args: P.args, **kwargs: P.kwargs) -> Span:
    """A span that `make` describes, which is called only where somebody listens."""
    return Span(tracer(), lambda: make(*args, **kwargs))


def captures_content() -> bool:
    """Whether messages, programs and concepts are told too, which the environment says."""
    return os.environ.get(CAPTURE, "").strip().lower() in CAPTURING


def failure_of(error: BaseException) -> dict[str, Any]:
    """The kind of an error: its class's name, or one name for whatever ends work that nobody waits for."""
    unwanted = isinstance(error, asyncio.CancelledError | GeneratorExit)
    return {"error.type": CANCELLED if unwanted else type(error).__name__}


def tracer() -> trace.Tracer | None:
    """Makes our spans; None where the application has not set OpenTelemetry up.

    Whoever did has loaded it, so that it need not be loaded to see that nobody did.
    """
    api = sys.modules.get("opentelemetry.trace")
    if api is None:
        return None
    provider = api.get_tracer_provider()
    return None if isinstance(provider, api.ProxyTracerProvider | api.NoOpTracerProvider) else _tracer_of(provider)


@lru_cache(maxsize=4)
def _tracer_of(provider: trace.TracerProvider) -> trace.Tracer:
    return provider.get_tracer(SCOPE, version("pilotage"))


@contextmanager
def _current(span: trace.Span) -> Iterator[None]:
    from opentelemetry import context
    from opentelemetry.trace import set_span_in_context

    token = context.attach(set_span_in_context(span))
    try:
        yield
    finally:
        context.detach(token)


def _there(attributes: Attributes) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None}
