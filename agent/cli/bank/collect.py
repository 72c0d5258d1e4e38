"""`pilotage collect`: records reasoning trees into a bank, with progress; the same command goes on where it stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import typer

from pilotage.agent.cli.options import LIMIT, LIMIT_MINUTES, MAP, RunOptions, expert, run_limit
from pilotage.agent.cli.outputs import folder_to_write
from pilotage.agent.cli.terminal import interruptible, plain, print_json_line, progress, screen
from pilotage.agent.errors import UsageError

if TYPE_CHECKING:
    from pilotage.agent.banks.collect import Collector, Study
    from pilotage.agent.banks.progress import Tally
    from pilotage.agent.banks.sources import Assigned
    from pilotage.agent.cli.screen import Screen
    from pilotage.agent.components import Components
    from pilotage.agent.settings import Settings
    from pilotage.navigator.bank.writer import BankWriter

MAX_SECONDS = 3600.0
"""A run's limit while recording: long, so that a slow or busy machine does not shape the bank."""


@dataclass(frozen=True)
class CollectOptions(RunOptions):
    """The settings that `pilotage collect` can be given."""

    max_seconds: float = run_limit(MAX_SECONDS, help="Seconds of a run.")
    memory: str = expert("none", help="Memory folder to read hints from, or none.")


@dataclass(frozen=True)
class StudyOptions:
    """What is recorded of each task."""

    panel = "What is recorded"

    plan: str | None = typer.Option(
        None,
        help="Nodes of every task: small, standard, wide, draws, rlot, none, or 'program; program/verify; ...'. "
        "(default: standard; with --preset rlot: rlot)",
    )
    episodes_per_task: int = typer.Option(0, min=0, help="Exploring episodes that follow the plan.")
    nodes_per_task: int | None = typer.Option(None, min=1, help="Nodes of a task at most.")
    max_depth: int | None = typer.Option(
        None, min=1, max=31, help="Blocks in a row at most. (default: 4; with --preset rlot: 5)"
    )
    samples: int = typer.Option(1, min=1, max=64, help="Repeats; those after the first are sampled.")
    temperature: float = expert(0.7, min=0.0, help="Of the sampled repeats.")
    policy_mix: str | None = expert(None, help="Who explores, by weight. (default: uniform=1;uncertain=2)")

    def study(self, components: Components, *, plan: str | None = None, depth: int | None = None) -> Study:
        """The study that they describe, of an agent's blocks and limits.

        Args:
            components: of the agent.
            plan: where none is named; None for the one of the preset.
            depth: where none is named.
        """
        from pilotage.agent.banks.collect import Study
        from pilotage.agent.banks.explore import DEFAULT_MIX, parse_mix
        from pilotage.agent.banks.plan import parse_plan
        from pilotage.agent.routing.observation import MAX_BLOCKS, PRESET

        papers = components.observer.preset == PRESET
        deep = self.max_depth or depth or (MAX_BLOCKS if papers else Study.max_depth)
        most = components.budget.max_steps
        if deep >= most:
            raise UsageError(f"--max-depth {deep} and the answer do not fit into --max-steps {most}")
        return Study(
            parse_plan(self.plan or plan or ("rlot" if papers else "standard"), components.registry.actions, deep),
            parse_mix(self.policy_mix or DEFAULT_MIX, components),
            seed=components.seed,
            episodes=self.episodes_per_task,
            max_depth=deep,
            samples=self.samples,
            nodes_per_task=self.nodes_per_task,
        )


def collect(
    tasks: list[str] = typer.Option(
        ..., help="FILE.jsonl, gsm8k:FILE or gym:FAMILY,... (as for `solve`); several are mixed."
    ),
    out: Path = typer.Option(..., help="Folder of the bank; an existing one is added to."),
    *,
    study: StudyOptions,
    run: CollectOptions,
    preset: str | None = typer.Option(None, help="Observation: free, probe, rlot or rlot+free. (default: free)"),
    fields: str | None = MAP,
    limit: int | None = LIMIT,
    limit_minutes: float | None = LIMIT_MINUTES,
    as_json: bool = typer.Option(False, "--json", help="Print a JSON summary at the end."),
) -> None:
    """Record reasoning trees: what each block leads to, and what stopping there would answer and score."""
    from pilotage.agent.banks.meta import recorded_in
    from pilotage.agent.banks.sources import mixed
    from pilotage.agent.cli.assembly import assemble
    from pilotage.agent.tasks.fields import mapping

    settings = any_policy(run.settings(observation=preset, learn=False))
    folder_to_write(out)
    console = screen(errors=True, soft_wrap=True)
    sitting = Sitting(out, console, settings.concurrency, limit_minutes, as_json)
    with sitting.interruptible():
        assigned, defects = mixed(tasks, limit, mapping(fields))
        with assemble(settings) as agent:
            sitting.record(assigned, defects, agent.components, study, recorded_in)


class Opening(Protocol):
    """Opens the bank that components record."""

    def __call__(self, folder: Path, components: Components, *, temperature: float) -> BankWriter:
        """The bank in a folder; `temperature` is that of sampled repeats, 0 where there are none."""


@dataclass(frozen=True)
class Sitting:
    """One call of a command that records.

    Attributes:
        out: folder of the bank.
        console: where progress is told.
        concurrency: tasks at once.
        minutes: after which no node is begun; None for no limit.
        as_json: prints a summary at the end.
    """

    out: Path
    console: Screen
    concurrency: int
    minutes: float | None
    as_json: bool

    def interruptible(self) -> AbstractContextManager[None]:
        """Ctrl-C within it says what is kept."""
        kept = f"interrupted; what was recorded is kept in {self.out}; the same command goes on from there"
        return interruptible(lambda: kept)

    def record(
        self,
        assigned: Sequence[Assigned],
        defects: Sequence[object],
        components: Components,
        study: StudyOptions,
        opens: Opening,
        **plans: Any,
    ) -> NoReturn:
        """Records tasks and ends the command: 0 if all are whole, 1 if not, 130 after Ctrl-C.

        Args:
            assigned: the tasks, with the headers that the bank gives them.
            defects: what was left out already.
            components: that run them.
            study: what of each is recorded.
            opens: opens the bank.
            plans: as for `StudyOptions.study`.
        """
        from pilotage.agent.banks.collect import Collector
        from pilotage.agent.banks.stepwise import Stepwise

        deadline = None if self.minutes is None else time.monotonic() + 60 * self.minutes
        plan = study.study(components, **plans)
        chosen = recordable(assigned, defects, components, self.console)
        if not chosen:
            self.console.print("no task is left to record")
            raise typer.Exit(1)
        temperature = study.temperature if plan.samples > 1 else 0.0
        with opens(self.out, components, temperature=temperature) as writer:
            collector = Collector(
                Stepwise(components, temperature=study.temperature),
                writer,
                plan,
                until=lambda: deadline is not None and time.monotonic() >= deadline,
            )
            interrupted = _run(collector, chosen, self.concurrency, self.console)
        for id, why in collector.refused.items():
            self.console.print(f"[red]not complete[/] {plain(id)}: {plain(why)}")
        _report(collector.tally, len(chosen), self.out, self.console, self.as_json)
        whole = not (defects or len(chosen) < len(assigned) or collector.refused)
        raise typer.Exit(130 if interrupted else 0 if whole else 1)


def any_policy(settings: Settings) -> Settings:
    """The settings for what somebody else decides: their policy has no say, and one of a settings file need not fit."""
    return settings.model_copy(update={"policy": "random", "effort": None})


def recordable(
    assigned: Sequence[Assigned], defects: Sequence[object], components: Components, console: Screen
) -> list[Assigned]:
    """The tasks that can be recorded; the others are named, and the entries that are none."""
    from pilotage.agent.banks.collect import unfit

    reasons = {each.task.id: unfit(each.task, components) for each in assigned}
    console.print_left_out([*defects, *(f"{id}: {why}" for id, why in reasons.items() if why is not None)])
    return [each for each in assigned if reasons[each.task.id] is None]


def _run(collector: Collector, tasks: Sequence[Assigned], concurrency: int, console: Screen) -> bool:
    """Records the tasks; true where Ctrl-C ended it."""
    from pilotage.agent.banks.progress import clock

    tally = collector.tally
    text = "{task.fields[nodes]} nodes, {task.fields[left_]} left"
    with progress(console, "recording", text, count=True, nodes=0, left_="?") as update:

        def show() -> None:
            update(total=tally.entries, completed=tally.done, nodes=tally.nodes, left_=clock(tally.seconds_left))

        def on_task(task: str) -> None:
            show()
            if not console.is_terminal:
                share = f"{tally.tasks} of {len(tasks)} tasks"
                nodes = len(collector.writer.nodes(task))
                console.print(f"{plain(task)}: {nodes} nodes; {share}, {clock(tally.seconds_left)} left")

        collector.on_node, collector.on_task = lambda node: show(), on_task
        try:
            asyncio.run(collector.collect(tasks, concurrency))
        except KeyboardInterrupt:  # here, because typer would end the process without a word
            return True
    return False


def _report(tally: Tally, tasks: int, out: Path, console: Screen, as_json: bool) -> None:
    from pilotage.agent.banks.progress import clock

    usage = tally.usage
    console.print(
        f"{tally.nodes} nodes recorded in {clock(tally.seconds)}, {tally.earlier} were there before; "
        f"{usage.about}{usage.prompt_tokens} tokens in, {usage.about}{usage.completion_tokens} out; "
        f"{tally.tasks} of {tasks} tasks are complete: {plain(out)}"
    )
    if tally.tasks < tasks:
        console.print("what was recorded is kept; the same command goes on from here")
    if as_json:
        summary = {
            "bank": str(out),
            "tasks": tasks,
            "tasks_complete": tally.tasks,
            "nodes_recorded": tally.nodes,
            "nodes_before": tally.earlier,
            "mean_score_of_stopping": round(tally.right / tally.nodes, 4) if tally.nodes else None,
            "usage": usage.model_dump(mode="json"),
            "seconds": round(tally.seconds, 3),
        }
        print_json_line(summary)
