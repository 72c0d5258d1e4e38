"""`pilotage solve --tasks`: progress while it runs, a summary at the end, a results file that can be resumed."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from agent.assembly import assemble
from agent.batch import Outcome, ResultsFile, solve_all
from agent.run import Run
from agent.settings import Settings
from agent.statistics import summarise
from agent.task import Task
from agent.tasks import load_tasks

if TYPE_CHECKING:
    pass


def solve_tasks(
    spec: str, settings: Settings, *, out: Path | None, limit: int | None, resume: bool, as_json: bool
) -> int:
    """Solves the tasks of a source; the exit code is 1 where a task could not be read or was not answered usably."""
    source = load_tasks(spec)
    tasks = list(islice(source, limit))
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for defect in source.defects:
        console.print(f"[red]left out[/] {defect}")
    common = {"policy": settings.policy, "seed": settings.seed}
    with ExitStack() as stack:
        results = stack.enter_context(ResultsFile(out, resume=resume, settings=common)) if out else None
        kept = list(results.done.values()) if results else []
        waiting = [task for task in tasks if not results or task.id not in results.done]
        if not waiting and not kept:
            console.print("no task to solve")
            return 1
        outcome = Outcome()
        if waiting:
            agent = stack.enter_context(assemble(settings))
            outcome = _solve(agent, tasks, waiting, settings.concurrency, results, console, as_json)
        else:
            console.print(f"all {len(tasks)} tasks are done already")
    chosen = {task.id for task in tasks}
    finished = [*(r for r in kept if r["task_id"] in chosen), *(run.to_json() for run in outcome.runs)]
    for task_id, why in outcome.failed:
        console.print(f"[red]not solved[/] {task_id}: {why}")
    _print_summary(console, summarise(finished), out)
    return 1 if outcome.failed or source.defects else 0


def _solve(
    agent: Any,
    tasks: list[Task],
    waiting: list[Task],
    concurrency: int,
    results: ResultsFile | None,
    console: Console,
    as_json: bool,
) -> Outcome:
    columns = (
        TextColumn("solving"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[right]}"),
        TimeRemainingColumn(),
    )
    right: list[float] = []
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("solve", total=len(tasks), completed=len(tasks) - len(waiting), right="")

        def on_done(run: Run) -> None:
            if run.score is not None:
                right.append(run.score)
            shown = f"{100 * sum(right) / len(right):.0f}% right" if right else ""
            progress.update(bar, advance=1, right=shown)
            if as_json:
                print(json.dumps(run.to_json(), ensure_ascii=False), flush=True)
            elif not console.is_terminal:
                score = "" if run.score is None else f" score {run.score:g}"
                console.print(f"{run.task_id}: {' → '.join(run.route)}{score}")

        async def everything() -> Outcome:
            async with agent:
                return await solve_all(agent, waiting, concurrency=concurrency, results=results, on_done=on_done)

        return asyncio.run(everything())


def _print_summary(console: Console, figures: dict[str, Any], out: Path | None) -> None:
    table = Table(show_header=False, box=None)
    table.add_row("tasks", f"{figures['tasks']}")
    if figures["accuracy"] is not None:
        low, high = figures["accuracy_interval_95"]
        table.add_row("accuracy", f"{figures['accuracy']:.1%} (95% interval {low:.1%} to {high:.1%})")
    table.add_row("unanswered", f"{figures['unanswered']}")
    tokens = f"{figures['prompt_tokens_per_task']:.0f} in, {figures['completion_tokens_per_task']:.0f} out"
    table.add_row("tokens per task", f"{tokens}, {figures['cached_tokens_per_task']:.0f} cached")
    table.add_row("LLM calls per task", f"{figures['llm_calls_per_task']:.2f}")
    table.add_row("LLM seconds per task", f"{figures['seconds_per_task']:.1f}")
    if out is not None:
        table.add_row("results", str(out))
    console.print(table)
