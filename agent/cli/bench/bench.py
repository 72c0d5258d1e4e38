"""`pilotage bench`: methods side by side on live tasks; the same command with --resume goes on where it stopped."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pilotage.agent.cli.command import Command, Output
from pilotage.agent.cli.options import IN_SAMPLE, LIMIT, RunOptions, for_tasks
from pilotage.agent.cli.outputs import folder_to_write
from pilotage.agent.cli.terminal import plain, screen

if TYPE_CHECKING:
    from pilotage.agent.cli.bench.sitting import Sitting

SEVERAL = ("--tasks", "--methods")
"""Options whose values may follow one another."""


class Bench(Command):
    """A command two of whose options take all the values that follow them, which Typer's own can't."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Writes the option before each of its values."""
        given: list[str] = []
        option = None
        for arg in args:
            if arg.startswith("-") or option is None:
                option = arg if arg in SEVERAL else None
                given += [] if option else [arg]
            else:
                given += [option, arg]
        bare = [one for one in SEVERAL if one in args and one not in given]
        return super().parse_args(ctx, given + bare)


@dataclass(frozen=True)
class TaskOptions:
    """Which tasks, how often, and where the results go."""

    out: Path | None = for_tasks(None, help="Folder of the results and the report. (default: none is kept)")
    limit: int | None = LIMIT
    repeats: int = for_tasks(1, min=1, max=1000, help="Runs of each task by each method, under K seeds.")
    resume: bool = for_tasks(False, "--resume", help="Go on with what --out holds.")
    in_sample: bool = IN_SAMPLE


def bench(
    tasks: list[str] = typer.Option(
        ..., metavar="SPEC...", help="FILE.jsonl, gsm8k:FILE or gym:FAMILY,...; as for `solve`."
    ),
    methods: list[str] = typer.Option(
        ...,
        metavar="M...",
        help="Policies of `solve`: default, default@high, fixed:program,answer, 'strategy:self-consistency;n=5', ... "
        "The first is what the others are compared with.",
    ),
    *,
    batch: TaskOptions,
    run: RunOptions,
) -> Output:
    """Compare methods on the same tasks, with the same model and budget: accuracy, cost, and what is chance."""
    from pilotage.agent.bench.methods import methods_of
    from pilotage.agent.cli.bench.sitting import opened

    settings = run.settings(memory="none", learn=False)
    chosen = methods_of(methods)
    console = screen(errors=True, soft_wrap=True)
    with ExitStack() as stack:
        folder = batch.out or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pilotage-bench-")))
        if batch.out is not None:
            folder_to_write(folder)
        sitting = opened(
            stack, chosen, settings, tasks, folder, console, limit=batch.limit, repeats=batch.repeats,
            resume=batch.resume, in_sample=batch.in_sample, kept=batch.out is not None,
        )  # fmt: skip
        sitting.solve(console)
        return _summary(sitting)


def _summary(sitting: Sitting) -> Output:
    from pilotage.agent.batch.summary import Figures

    found = {}
    for method in sitting.methods:
        figures = Figures()
        for lane in sitting.lanes:
            if lane.method == method and lane.repeat == 0:
                for line in lane.results.done.values():
                    figures.add(line)
        found[method.label] = figures.summary()
    return Output(found, "\n".join(f"{plain(name)}  {one['accuracy']:.1%}" for name, one in found.items()))
