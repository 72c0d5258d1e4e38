"""The `pilotage` command. Commands import what they need when they run, so that `--help` is instant."""

from __future__ import annotations

import sys

import typer

from pilotage.agent.cli import demo, doctor, graph, keys, models, serve, strategies
from pilotage.agent.cli.arc import arc
from pilotage.agent.cli.bank import bank, collect
from pilotage.agent.cli.bench import bench, search
from pilotage.agent.cli.cache import cache
from pilotage.agent.cli.chat import chat
from pilotage.agent.cli.command import App
from pilotage.agent.cli.evaluate import estimate, evaluate
from pilotage.agent.cli.memory import memory
from pilotage.agent.cli.solve import solve
from pilotage.agent.cli.traces import traces
from pilotage.agent.cli.train import policy, train

app = App(
    name="pilotage",
    help="Solve tasks by a routed sequence of logic blocks, with a memory of what worked.",
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.command("solve", cls=solve.Solve)(solve.solve)
app.command("chat")(chat.chat)
app.command("serve")(serve.serve)
app.add_typer(memory.app, name="memory")
app.add_typer(models.app, name="models")
app.add_typer(bank.app, name="bank")
app.command("collect")(collect.collect)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("bench", cls=bench.Bench)(bench.bench)
app.command("bench search", cls=bench.Bench)(search.search)
app.command("estimate")(estimate.estimate)
app.command("report")(evaluate.report)
app.add_typer(policy.app, name="policy")
app.add_typer(traces.app, name="traces")
app.add_typer(arc.app, name="arc")
app.command("strategies")(strategies.strategies)
app.add_typer(keys.app, name="keys")
app.add_typer(cache.app, name="cache")
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("graph")(graph.graph)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"pilotage {version('pilotage')}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", help="Print the version and stop.", callback=_version, is_eager=True
    ),
) -> None:
    """Options of the command itself."""


def main() -> None:
    """Entry point: a known error is one sentence on stderr and its exit code, never a traceback."""
    try:
        code = app(standalone_mode=False)
    except BaseException as error:
        from pilotage.agent.cli.failure import report_failure

        code = report_failure(error)
    sys.exit(code)


__all__ = ["app", "main"]
