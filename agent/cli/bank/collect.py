"""`pilotage collect`: records reasoning trees into a bank, with progress; the same command goes on where it stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pilotage.agent.cli.options import Limit, LimitMinutes, RunOptions, expert, run_limit
from pilotage.agent.cli.outputs import folder_to_write
from pilotage.agent.cli.terminal import interruptible, plain, print_json_line, progress, screen

if TYPE_CHECKING:
    from pilotage.agent.banks.collect import Collector, Study
    from pilotage.agent.banks.sources import Assigned
    from pilotage.agent.cli.screen import Screen
    from pilotage.agent.components import Components
    from pilotage.agent.settings import Settings

MAX_SECONDS = 3600.0
"""A run's limit while recording: long, so that a slow or busy machine does not shape the bank."""


@dataclass(frozen=True)
class CollectOptions(RunOptions):
    """The settings that `pilotage collect` can be given."""

    max_seconds: Annotated[float, run_limit(help="Seconds of a run.")] = MAX_SECONDS
    memory: Annotated[str, expert(help="Memory folder to read hints from, or none.")] = "none"


@dataclass(frozen=True)
class StudyOptions:
    """What is recorded of each task."""

    panel = "What is recorded"

    plan: Annotated[
        str | None,
        typer.Option(
            help="Nodes of every task: small, standard, wide, draws, rlot, none, or 'program; program/verify; ...'. "
            "(default: standard; with --preset rlot: rlot)"
        ),
    ] = None
    episodes_per_task: Annotated[int, typer.Option(min=0, help="Exploring episodes that follow the plan.")] = 0
    nodes_per_task: Annotated[int | None, typer.Option(min=1, help="Nodes of a task at most.")] = None
    max_depth: Annotated[
        int | None, typer.Option(min=1, max=31, help="Blocks in a row at most. (default: 4; with --preset rlot: 5)")
    ] = None
    samples: Annotated[int, typer.Option(min=1, max=64, help="Repeats; those after the first are sampled.")] = 1
    temperature: Annotated[float, expert(min=0.0, help="Of the sampled repeats.")] = 0.7
    policy_mix: Annotated[str | None, expert(help="Who explores, by weight. (default: uniform=1;uncertain=2)")] = None

    def study(self, components: Components) -> Study:
        """The study that they describe, of an agent's blocks and limits."""
        from pilotage.agent.banks.collect import Study
        from pilotage.agent.banks.explore import DEFAULT_MIX, parse_mix
        from pilotage.agent.banks.plan import parse_plan
        from pilotage.agent.errors import UsageError
        from pilotage.agent.routing.rlot import MAX_BLOCKS, PRESET

        papers = components.observer.preset == PRESET
        depth = self.max_depth or (MAX_BLOCKS if papers else Study.max_depth)
        most = components.budget.max_steps
        if depth >= most:
            raise UsageError(f"--max-depth {depth} and the answer do not fit into --max-steps {most}")
        return Study(
            parse_plan(self.plan or ("rlot" if papers else "standard"), components.registry.actions, depth),
            parse_mix(self.policy_mix or DEFAULT_MIX, components),
            seed=components.seed,
            episodes=self.episodes_per_task,
            max_depth=depth,
            samples=self.samples,
            nodes_per_task=self.nodes_per_task,
        )


def collect(
    tasks: Annotated[
        list[str], typer.Option(help="FILE.jsonl, gsm8k:FILE or gym:FAMILY,... (as for `solve`); several are mixed.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the bank; an existing one is added to.")],
    study: StudyOptions,
    run: CollectOptions,
    preset: Annotated[
        str | None, typer.Option(help="Observation: free, probe, rlot or rlot+free. (default: free)")
    ] = None,
    limit: Limit = None,
    limit_minutes: LimitMinutes = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON summary at the end.")] = False,
) -> None:
    """Record reasoning trees: what each block leads to, and what stopping there would answer and score."""
    settings = run.settings(observation=preset, learn=False)
    # The policy has no say here, and one that a settings file names need not fit.
    settings = settings.model_copy(update={"policy": "random", "effort": None})
    folder_to_write(out)
    with interruptible(lambda: f"interrupted; what was recorded is kept in {out}; the same command goes on from there"):
        code = _collect(tasks, out, settings, study, limit, limit_minutes, as_json)
    raise typer.Exit(code)


def _collect(
    specs: Sequence[str],
    out: Path,
    settings: Settings,
    study: StudyOptions,
    limit: int | None,
    limit_minutes: float | None,
    as_json: bool,
) -> int:
    from pilotage.agent.banks.collect import Collector, unfit
    from pilotage.agent.banks.meta import meta_of, require_same_abilities
    from pilotage.agent.banks.sources import mixed
    from pilotage.agent.banks.stepwise import Stepwise
    from pilotage.agent.cli.assembly import assemble
    from pilotage.navigator.bank.bank import BankWriter

    console = screen(errors=True, soft_wrap=True)
    assigned, defects = mixed(specs, limit)
    deadline = None if limit_minutes is None else time.monotonic() + 60 * limit_minutes
    with assemble(settings) as agent:
        parts = agent.components
        planned = study.study(parts)
        left_out = [(each.task.id, why) for each in assigned if (why := unfit(each.task, parts)) is not None]
        refused = {id for id, _ in left_out}
        chosen = [each for each in assigned if each.task.id not in refused]
        for what in (*defects, *(f"{id}: {why}" for id, why in left_out)):
            console.print(f"[red]left out[/] {plain(what)}")
        if not chosen:
            console.print("no task is left to record")
            return 1
        meta = meta_of(parts, temperature=study.temperature if planned.samples > 1 else 0.0)
        with BankWriter(out, meta) as writer:
            require_same_abilities(writer.meta, meta)
            collector = Collector(
                Stepwise(parts, temperature=study.temperature),
                writer,
                planned,
                until=lambda: deadline is not None and time.monotonic() >= deadline,
            )
            interrupted = _run(collector, chosen, settings.concurrency, console)
    for id, why in collector.refused.items():
        console.print(f"[red]not complete[/] {plain(id)}: {plain(why)}")
    _report(collector, chosen, out, console, as_json)
    if interrupted:
        return 130
    return 1 if defects or left_out or collector.refused else 0


def _run(collector: Collector, tasks: list[Assigned], concurrency: int, console: Screen) -> bool:
    """Records the tasks; true where Ctrl-C ended it."""
    from rich.progress import BarColumn, MofNCompleteColumn

    from pilotage.agent.banks.progress import clock
    from pilotage.navigator.bank.bank import Node, TaskHeader

    tally = collector.tally
    columns = ("recording", BarColumn(), MofNCompleteColumn(), "{task.fields[nodes]} nodes, {task.fields[left]} left")
    with progress(console, *columns) as shown:
        bar = shown.add_task("record", total=None, nodes=0, left="?")

        def show() -> None:
            left = clock(tally.seconds_left)
            shown.update(bar, total=tally.entries, completed=tally.done, nodes=tally.nodes, left=left)

        def on_node(header: TaskHeader, node: Node) -> None:
            show()

        def on_task(header: TaskHeader) -> None:
            show()
            nodes = len(collector.writer.nodes(header.task))
            if not console.is_terminal:
                share = f"{tally.tasks} of {len(tasks)} tasks"
                console.print(f"{plain(header.task)}: {nodes} nodes; {share}, {clock(tally.seconds_left)} left")

        collector.on_node, collector.on_task = on_node, on_task
        try:
            asyncio.run(collector.collect(tasks, concurrency))
        except KeyboardInterrupt:  # here, because typer would end the process without a word
            return True
    return False


def _report(collector: Collector, tasks: list[Assigned], out: Path, console: Screen, as_json: bool) -> None:
    from pilotage.agent.banks.progress import clock

    tally = collector.tally
    usage = tally.usage
    console.print(
        f"{tally.nodes} nodes recorded in {clock(tally.seconds)}, {tally.found} were there before; "
        f"{usage.about}{usage.prompt_tokens} tokens in, {usage.about}{usage.completion_tokens} out; "
        f"{tally.tasks} of {len(tasks)} tasks are complete: {plain(out)}"
    )
    if tally.tasks < len(tasks):
        console.print("what was recorded is kept; the same command goes on from here")
    if as_json:
        summary = {
            "bank": str(out),
            "tasks": len(tasks),
            "tasks_complete": tally.tasks,
            "nodes_recorded": tally.nodes,
            "nodes_before": tally.found,
            "mean_score_of_stopping": round(tally.right / tally.nodes, 4) if tally.nodes else None,
            "usage": usage.model_dump(mode="json"),
            "seconds": round(tally.seconds, 3),
        }
        print_json_line(summary)
