"""`pilotage collect`: records reasoning trees into a bank, with progress; the same command goes on where it stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pilotage.agent.cli.outputs import folder_to_write
from pilotage.agent.cli.terminal import interruptible, plain, print_json_line, progress, screen

if TYPE_CHECKING:
    from rich.console import Console

    from pilotage.agent.banks.collect import Collector
    from pilotage.agent.banks.sources import Assigned
    from pilotage.agent.components import Components
    from pilotage.agent.settings import Settings

MAX_SECONDS = 3600.0
"""A run's limit while recording: long, so that a slow or busy machine does not shape the bank."""


def collect(
    tasks: Annotated[
        list[str],
        typer.Option(help="FILE.jsonl, gsm8k:FILE or gym:FAMILY,... (as for `solve`); several are mixed."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the bank; an existing one is added to.")],
    model: Annotated[
        str | None, typer.Option(help="embedded[:NAME], a GGUF path, or PROVIDER:MODEL. (default: embedded)")
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="OpenAI-compatible server that has the model.")] = None,
    plan: Annotated[
        str | None,
        typer.Option(
            help="Nodes of every task: small, standard, wide, rlot, none, or 'program; program/verify; ...'. "
            "(default: standard; with --preset rlot: rlot)"
        ),
    ] = None,
    episodes_per_task: Annotated[int, typer.Option(min=0, help="Exploring episodes that follow the plan.")] = 0,
    policy_mix: Annotated[
        str | None, typer.Option(help="Who explores, by weight. (default: uniform=1;uncertain=2)")
    ] = None,
    nodes_per_task: Annotated[int | None, typer.Option(min=1, help="Nodes of a task at most.")] = None,
    max_depth: Annotated[
        int | None, typer.Option(min=1, max=31, help="Blocks in a row at most. (default: 4; with --preset rlot: 5)")
    ] = None,
    samples: Annotated[int, typer.Option(min=1, max=64, help="Repeats; those after the first are sampled.")] = 1,
    temperature: Annotated[float, typer.Option(min=0.0, help="Of the sampled repeats.")] = 0.7,
    preset: Annotated[
        str | None, typer.Option(help="Observation: free, probe, rlot or rlot+free. (default: free)")
    ] = None,
    concurrency: Annotated[int | None, typer.Option(help="Tasks at once. (default: 1)")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The first N tasks only.")] = None,
    limit_minutes: Annotated[float | None, typer.Option(min=0.0, help="Begin no node after so long.")] = None,
    memory: Annotated[str, typer.Option(help="Memory folder to read hints from, or none.")] = "none",
    sandbox: Annotated[
        str | None, typer.Option(help="auto, bubblewrap, subprocess (weaker), or none. (default: auto)")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Token budget of a run. (default: 6000)")] = None,
    max_steps: Annotated[int | None, typer.Option(help="Blocks of a run. (default: 8; with --preset rlot: 6)")] = None,
    max_calls: Annotated[int | None, typer.Option(help="LLM calls of a run. (default: 24)")] = None,
    max_seconds: Annotated[float, typer.Option(help="Seconds of a run.")] = MAX_SECONDS,
    reply_tokens: Annotated[
        int | None,
        typer.Option(help="Least limit of every reply, for models that think. (default: each block's own)"),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of sampling and exploring. (default: 0)")] = None,
    cache: Annotated[
        bool | None, typer.Option("--cache/--no-cache", help="Reuse recorded replies. (default: cache)")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON summary at the end.")] = False,
) -> None:
    """Record reasoning trees: what each block leads to, and what stopping there would answer and score."""
    from pilotage.agent.settings import settings_from

    given = locals()
    names = ("model", "base_url", "concurrency", "memory", "sandbox", "max_tokens", "max_steps", "max_calls")
    flags = {name: given[name] for name in (*names, "max_seconds", "reply_tokens", "seed", "cache")}
    settings = settings_from(flags | {"observation": preset, "learn": False})
    # The policy has no say here, and one that a settings file names need not fit.
    settings = settings.model_copy(update={"policy": "random", "effort": None})
    depths = {"episodes": episodes_per_task, "max_depth": max_depth, "samples": samples}
    study = depths | {"nodes_per_task": nodes_per_task, "plan": plan, "mix": policy_mix}
    folder_to_write(out)
    with interruptible(lambda: f"interrupted; what was recorded is kept in {out}; the same command goes on from there"):
        code = _collect(tasks, out, settings, study, temperature, limit, limit_minutes, as_json)
    raise typer.Exit(code)


def _collect(
    specs: Sequence[str],
    out: Path,
    settings: Settings,
    study: dict[str, Any],
    temperature: float,
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
        components = agent.components
        planned = _study(study, components)
        left_out = [(each.task.id, why) for each in assigned if (why := unfit(each.task, components)) is not None]
        refused = {id for id, _ in left_out}
        chosen = [each for each in assigned if each.task.id not in refused]
        for what in (*defects, *(f"{id}: {why}" for id, why in left_out)):
            console.print(f"[red]left out[/] {plain(what)}")
        if not chosen:
            console.print("no task is left to record")
            return 1
        meta = meta_of(components, temperature=temperature if planned.samples > 1 else 0.0)
        with BankWriter(out, meta) as writer:
            require_same_abilities(writer.meta, meta)
            collector = Collector(
                Stepwise(components, temperature=temperature),
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


def _study(wanted: dict[str, Any], components: Components) -> Any:
    from pilotage.agent.banks.collect import Study
    from pilotage.agent.banks.explore import DEFAULT_MIX, parse_mix
    from pilotage.agent.banks.plan import parse_plan
    from pilotage.agent.errors import UsageError
    from pilotage.agent.routing.rlot import MAX_BLOCKS, PRESET

    papers = components.observer.preset == PRESET
    if wanted["max_depth"] is None:
        wanted["max_depth"] = MAX_BLOCKS if papers else Study.max_depth
    plan = wanted.pop("plan") or ("rlot" if papers else "standard")
    ways = parse_plan(plan, components.registry.actions, wanted["max_depth"])
    mix = parse_mix(wanted.pop("mix") or DEFAULT_MIX, components)
    if wanted["max_depth"] >= components.budget.max_steps:
        raise UsageError(
            f"--max-depth {wanted['max_depth']} and the answer do not fit into --max-steps "
            f"{components.budget.max_steps}"
        )
    return Study(ways, mix, seed=components.seed, **wanted)


def _run(collector: Collector, tasks: list[Assigned], concurrency: int, console: Console) -> bool:
    """Records the tasks; true where Ctrl-C ended it."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

    from pilotage.agent.banks.progress import clock
    from pilotage.navigator.bank.bank import Node, TaskHeader

    tally = collector.tally
    columns = (
        TextColumn("recording"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[nodes]} nodes, {task.fields[left]} left"),
    )
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


def _report(collector: Collector, tasks: list[Assigned], out: Path, console: Console, as_json: bool) -> None:
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
