"""What spans of OpenTelemetry cost: a scripted model at zero latency, with nobody listening and with a batch exporter.

Prints the processor milliseconds of a five-step solve without and with OpenTelemetry set up (solves of both kinds take
turns, so that a busy machine slows both alike), how many spans one makes, and the processor microseconds of a span and
of one that nobody listens to.

    python benchmarks/tracing.py [--solves 200] [--json]
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Sequence

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from pilotage.agent import ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.telemetry.operations import running
from pilotage.agent.telemetry.spans import span, tracer

ROUTE = "fixed:plan,reason,reflect,program,answer"
TASK = Task(id="t", prompt="How many days are there in 14 weeks and 3 days?", kind="numeric")
EMPTY = 100_000


class Counted(SpanExporter):
    """Takes spans and sends them nowhere."""

    spans = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans += len(spans)
        return SpanExportResult.SUCCESS


async def solves(n: int, unmeasured: int = 20) -> dict[str, float]:
    agent = ReasoningAgent(ScriptedChatModel(lambda messages: "Let me think about weeks and days."), policy=ROUTE)
    exporter, provider, nobody = Counted(), TracerProvider(), trace.get_tracer_provider
    provider.add_span_processor(BatchSpanProcessor(exporter))
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for turn in range(2 * (n + unmeasured)):
        told = turn % 2 == 1
        trace.get_tracer_provider = (lambda: provider) if told else nobody  # one process, both ways
        assert (tracer() is not None) == told
        begun = time.process_time()
        await agent.asolve(TASK)
        if turn >= 2 * unmeasured:
            seconds[told].append(time.process_time() - begun)
    trace.get_tracer_provider = nobody
    provider.shutdown()
    without, with_spans = (1e3 * statistics.median(seconds[told]) for told in (False, True))
    return {
        "solve_cpu_ms_without": without,
        "solve_cpu_ms_with_spans": with_spans,
        "spans_of_a_solve": exporter.spans / (n + unmeasured),
        "cpu_us_of_a_span": 1e3 * (with_spans - without) / (exporter.spans / (n + unmeasured)),
    }


def unheard() -> float:
    """Microseconds of a span that nobody listens to."""
    begun = time.process_time()
    for _ in range(EMPTY):
        with span(running, "reason"):
            pass
    return 1e6 * (time.process_time() - begun) / EMPTY


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--solves", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = {
        **asyncio.run(solves(options.solves)),
        "cpu_us_of_an_unheard_span": statistics.median(unheard() for _ in range(5)),
    }
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:26} {value:.2f}")


if __name__ == "__main__":
    main()
