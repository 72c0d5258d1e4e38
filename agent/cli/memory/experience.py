"""`pilotage memory experience|learn-from`: what blocks came to on earlier tasks, and learning it from results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pilotage.agent.cli.command import Output
from pilotage.agent.cli.memory.options import IndexedStoreOptions, new_run
from pilotage.agent.cli.options import MAP
from pilotage.agent.cli.terminal import plain, table
from pilotage.agent.errors import UsageError

if TYPE_CHECKING:
    from pilotage.agent.cli.screen import Screen
    from pilotage.agent.experience.index import ExperienceIndex
    from pilotage.agent.state import State
    from pilotage.memory import ConceptStore


def experience(
    task: str | None = typer.Argument(
        None, help="A question: what is known of tasks like it. (default: what holds for all)", show_default=False
    ),
    model: str | None = typer.Option(None, help="Whose runs, by the name in results. (default: that with the most)"),
    *,
    options: IndexedStoreOptions,
) -> Output:
    """Show what the blocks came to on earlier tasks, and what was spent on finding out."""
    from pilotage.agent.experience.records import Records

    with options.open() as store:
        models = Records(store).models()
        told = _index(store, model or next(iter(models), "")).about(task) | {"models": models}
    return Output(told, lambda console: _print(console, told, task))


def learn_from(
    results: Path = typer.Argument(..., help="Results of `pilotage solve --tasks`, JSON Lines."),
    tasks: list[str] = typer.Option(
        ..., help="Where the tasks of the results come from, as in `pilotage solve --tasks`."
    ),
    fields: str | None = MAP,
    *,
    options: IndexedStoreOptions,
) -> Output:
    """Learn from graded results which blocks solve which tasks. Tasks to be judged by later do not belong here."""
    from pilotage.agent.banks.sources import mixed
    from pilotage.agent.banks.traces import result_lines
    from pilotage.agent.experience.results import graded_runs
    from pilotage.agent.tasks.fields import mapping

    assigned, defects = mixed(tasks, fields=mapping(fields))
    run, left_out = new_run("learn"), list[tuple[str, str]]()
    with options.open(creates=True) as store:
        runs: dict[str, list[tuple[State, float]]] = {}
        for model, state, score in graded_runs(
            result_lines(results), {one.task.id: one.task for one in assigned}, left_out
        ):
            runs.setdefault(model, []).append((state, score))
        learnt = sum(_index(store, model).learn(own, run) for model, own in runs.items())

    def show(console: Screen) -> None:
        console.print_left_out([*defects, *(f"{which}: {why}" for which, why in left_out)])
        back = f"; [dim]{plain(options.undo_command(run))} takes it back[/]" if learnt else ""
        console.print_line(f"{learnt} runs learnt from{back}")

    return Output({"run": run, "learnt": learnt, "left_out": [*defects, *(": ".join(one) for one in left_out)]}, show)


def _index(store: ConceptStore, model: str) -> ExperienceIndex:
    from pilotage.agent.blocks import installed
    from pilotage.agent.experience.index import index_of
    from pilotage.agent.routing.observation import Observer

    registry = installed()
    index = index_of(store, model, registry.actions, Observer(registry).spec)
    if index is None:
        raise UsageError("experience is looked up by embeddings: give the memory's embedder with --embedder")
    return index


def _print(console: Screen, told: dict[str, Any], task: str | None) -> None:
    if not told["runs"]:
        console.print("no runs yet: what `pilotage solve` does with a memory is kept, and `learn-from` reads results")
        return
    known = told["evidence"]
    others = [f"{name} ({runs})" for name, runs in told["models"].items() if name != told["model"]]
    console.print_line(plain(told["model"]) + (plain(f"; others: {', '.join(others)}") if others else ""))
    console.print(
        f"{told['runs']} runs: {known['verified']} confirmed by a second route or worked examples, {known['feedback']} "
        f"by feedback, {known['grade']} by grades, {known['unknown']} of which nobody knows"
    )
    if told["elsewhere"]:
        console.print(f"{told['elsewhere']} of them tell nothing: they were embedded by another embedder")
    console.print(f"tokens: {told['tokens']['usual']:,} to solve them, {told['tokens']['studying']:,} to find out more")
    shown = table("in the situation", "the block", right=("is right", "takes", "seen"))
    for one in told["estimates"]:
        right = f"{one['success']:.2f} ± {one['error']:.2f}"
        shown.add_row(plain(one["situation"]), plain(one["block"]), right, f"{one['tokens']:,}", f"{one['known']}")
    console.print()
    console.print("On tasks like this one:" if task else "On all tasks:")
    console.print(shown)
