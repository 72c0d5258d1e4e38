"""`pilotage solve --tasks`: progress while it runs, a summary at the end, a results file that can be resumed."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn
from rich.table import Table

from pilotage.agent.batch.batch import solve_all
from pilotage.agent.batch.orders import memory_copy, shuffled
from pilotage.agent.batch.results import ResultsFile, key, regrade
from pilotage.agent.batch.summary import Figures
from pilotage.agent.cli.assembly import assemble, memory_place, model_of
from pilotage.agent.cli.terminal import interruptible, plain, print_json_line, progress, screen
from pilotage.agent.errors import ModelUnavailable, UsageError
from pilotage.agent.routing.policies import policy_file, policy_label
from pilotage.agent.run import Run
from pilotage.agent.sandbox import open_sandbox
from pilotage.agent.settings import Settings
from pilotage.agent.task import Task
from pilotage.agent.tasks import load_tasks

if TYPE_CHECKING:
    from pilotage.agent.cli.screen import Screen
    from pilotage.agent.models.client import ModelClient
    from pilotage.agent.runner import ReasoningAgent


DECIDING = (
    *("memory_selection", "memory_caption", "memory_related", "keep_unverified", "holdout"),
    *("observation", "sandbox"),
)
"""Settings, beside the model, the policy and the limits of a run, that decide answers: a file has one of each."""


@dataclass(frozen=True)
class BatchPlan:
    """Which tasks to solve, in which orders, and where the results go.

    Attributes:
        spec: where the tasks come from.
        out: results file.
        limit: the first so many only.
        resume: go on with an existing results file.
        order: seed by which the tasks are shuffled; None for the order of the source.
        orders: solve them in so many orders, of the seeds `order`, `order` + 1, ...
    """

    spec: str
    out: Path | None = None
    limit: int | None = None
    resume: bool = False
    order: int | None = None
    orders: int | None = None

    @property
    def seeds(self) -> list[int | None]:
        """The seed of each order."""
        if self.orders is None:
            return [self.order]
        return [(self.order or 0) + number for number in range(self.orders)]


def solve_tasks(plan: BatchPlan, settings: Settings, *, as_json: bool) -> int:
    """Solves the tasks of a source; the exit code is 1 where a task could not be read or was not answered usably."""
    _require_sense(plan, settings)
    source = load_tasks(plan.spec)
    tasks = list(islice(source, plan.limit))
    console = screen(errors=True, soft_wrap=True)
    for defect in source.defects:
        console.print(f"[red]left out[/] {plain(defect)}")
    common = {"policy": policy_label(settings.policy, settings.effort), "seed": settings.seed}
    with ExitStack() as stack:
        results = model = None
        if plan.out is not None:
            model = model_of(settings)
            file = ResultsFile(plan.out, resume=plan.resume, settings=common, conditions=_conditions(settings, model))
            results = stack.enter_context(file)
            _say_what_is_untold(results, console)
        if not tasks and not (results and results.done):
            console.print("no task to solve")
            return 1
        total = Figures()
        for seed in plan.seeds:
            ordered = tasks if seed is None else shuffled(tasks, seed)
            if results is not None:
                _say_what_changed(results, ordered, seed, settings, console)
            figures = Figures()
            if _waiting(results, ordered, seed, settings):
                own = _settings_of_order(plan, settings, seed)
                with assemble(own, model=model) as agent:
                    figures = _solve(agent, ordered, seed, own, results, console, as_json)
            else:
                console.print(f"all {len(tasks)} tasks are done already")
            if results is not None:
                figures = _figures(results, ordered, seed)
            if plan.orders is not None:
                right = figures.summary()["accuracy"]
                console.print(
                    f"order {seed}: {figures.tasks} tasks" + ("" if right is None else f", {right:.0%} right")
                )
            total += figures
    _print_summary(console, total.summary(), plan.out)
    return 1 if source.defects or total.failed else 0


def _require_sense(plan: BatchPlan, settings: Settings) -> None:
    if plan.orders is not None and plan.out is None:
        raise UsageError("--orders needs --out: the copies of the memory are kept beside it")
    if plan.orders is not None and "://" in settings.memory:
        raise UsageError("--orders copies the memory, so it needs a memory folder, not a database")
    if settings.learn_every and settings.memory == "none":
        raise UsageError("--learn every=N needs a memory: leave out `--memory none`")


def _learning(settings: Settings) -> str:
    """When memory learns from the runs of a file, as `ResultsFile` compares it."""
    if settings.memory == "none" or not settings.learn:
        return "no"
    return f"every={settings.learn_every}" if settings.learn_every else "each"


def _settings_of_order(plan: BatchPlan, settings: Settings, seed: int | None) -> Settings:
    """The settings with the memory of one order: where there are several, a copy, so that they do not meet."""
    if plan.orders is None or plan.out is None or settings.memory == "none":
        return settings
    copies = plan.out.with_name(plan.out.name + ".memory")
    if not plan.resume and (copies / f"order-{seed}").exists():
        raise UsageError(f"{copies} holds copies of an earlier run; remove it, add --resume, or choose another --out")
    copy = memory_copy(Path(memory_place(settings)), copies / f"order-{seed}")
    return settings.model_copy(update={"memory": str(copy)})


def _conditions(settings: Settings, model: ModelClient) -> dict[str, Any]:
    """What the answers of a results file depend on, by the names of the settings; see `ResultsFile`."""
    file = policy_file(settings.policy)
    return {
        "learning": _learning(settings),
        "model": f"{model.name} ({_short_hash(model.identity.encode())})",
        **({"policy file": _short_hash(file.read_bytes())} if file is not None and file.is_file() else {}),
        **settings.budget.model_dump(mode="json"),
        "memory": settings.memory != "none",
        **{name: getattr(settings, name) for name in DECIDING},
    }


def _short_hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:8]


def _say_what_is_untold(results: ResultsFile, console: Screen) -> None:
    """Says what a file of an older version leaves open, and what is made of it."""
    if results.untold:
        console.print(
            f"{plain(results.path)} does not tell all settings it was made with: the present ones are taken for them"
        )
    if older := sum(line.asked is None for line in results.done.lines.values()):
        console.print(f"{older} of its results do not tell what they were asked: they are taken for those of their ids")


def _say_what_changed(
    results: ResultsFile, tasks: list[Task], order: int | None, settings: Settings, console: Screen
) -> None:
    """Says which results do not answer the tasks as they are now, after grading those anew that do."""
    if not results.done:
        return
    changed = results.changed(tasks, order)
    if changed and not settings.learn_every:
        console.print(
            f"{_several(changed)} answered another question under the same id: solved anew, and what was there goes to "
            f"{plain(results.aside)}"
        )
    sandbox = open_sandbox(settings.sandbox) if any(task.kind == "program" for task in tasks) else None
    with interruptible(lambda: f"interrupted; {_kept(results, settings)}"):
        regraded = asyncio.run(regrade(results, tasks, order, sandbox))
    if regraded:
        console.print(f"{_several(regraded)} graded otherwise than before: the task's answer or grader has changed")


def _several(names: list[str]) -> str:
    """A few names out of many, and how many there are."""
    shown = ", ".join(plain(name) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _figures(results: ResultsFile, tasks: list[Task], order: int | None) -> Figures:
    """Figures of what the file holds of the tasks."""
    figures = Figures()
    for name in (key(task.id, order) for task in tasks):
        if name in results.done:
            figures.add(results.done[name])
    return figures


def _waiting(results: ResultsFile | None, tasks: list[Task], order: int | None, settings: Settings) -> int:
    """How many tasks are still to be solved. Without batches, one without a usable reply is tried again."""
    if results is None:
        return len(tasks)
    again = (
        0
        if settings.learn_every
        else len(results.failed(filter(lambda task: results.holds(task, order), tasks), order))
    )
    return sum(not results.holds(task, order) for task in tasks) + again


def _solve(
    agent: ReasoningAgent,
    tasks: list[Task],
    order: int | None,
    settings: Settings,
    results: ResultsFile | None,
    console: Screen,
    as_json: bool,
) -> Figures:
    columns = (
        "solving" if order is None else f"order {order}",
        BarColumn(),
        MofNCompleteColumn(),
        "{task.fields[right]}",
        TimeRemainingColumn(),
    )
    figures = Figures()
    with progress(console, *columns) as shown:
        done = len(tasks) - _waiting(results, tasks, order, settings)
        bar = shown.add_task("solve", total=len(tasks), completed=done, right="")

        def on_done(run: Run) -> None:
            line = run.to_json() | ({} if order is None else {"order": order})
            figures.add(line)
            accuracy = figures.summary()["accuracy"]
            shown.update(bar, advance=1, right="" if accuracy is None else f"{100 * accuracy:.0f}% right")
            if run.error is not None:
                console.print(f"[red]not solved[/] {plain(run.task_id)}: {plain(run.error)}")
            if as_json:
                print_json_line(line)
            elif not console.is_terminal and run.error is None:
                score = "" if run.score is None else f" score {run.score:g}"
                console.print(f"{plain(run.task_id)}: {' → '.join(run.route)}{score}{memory_note(run)}")

        async def everything() -> None:
            common: dict[str, Any] = {"concurrency": settings.concurrency, "results": results, "order": order}
            common |= {"on_done": on_done, "keep": False, "graded": True}  # before the model was loaded
            async with agent:
                if settings.learn_every and settings.learn:
                    await solve_all(agent, tasks, every=settings.learn_every, **common)
                else:
                    await solve_all(agent, tasks, **common)

        try:
            with interruptible(lambda: f"interrupted; {_kept(results, settings)}"):
                asyncio.run(everything())
        except ModelUnavailable as error:
            raise ModelUnavailable(f"{error} The batch ends here; {_kept(results, settings)}") from error
    return figures


def _kept(results: ResultsFile | None, settings: Settings) -> str:
    """What there is of a batch that has come to no end, and how to go on."""
    if results is not None:
        solved = sum(not line.failed for line in results.done.lines.values())
        done = "1 result is" if solved == 1 else f"{solved} results are"
        return f"{done} kept in {results.path}; the same command with --resume goes on with the rest"
    quick = "; the replies are cached, so that the same command is quick about them" if settings.cache else ""
    return f"no result is kept, since no --out was given{quick}"


def memory_note(run: Run) -> str:
    """What memory had to do with a run, for people; empty where it had nothing."""
    counts = {
        "recalled": len(run.recalled),
        "followed": len(run.followed),
        "withheld": len(run.withheld),
        "learned": len(run.learned),
    }
    parts = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return f" ({parts})" if parts else ""


def _print_summary(console: Screen, figures: dict[str, Any], out: Path | None) -> None:
    table = Table(show_header=False, box=None)
    table.add_row("tasks", f"{figures['tasks']}")
    if figures["accuracy"] is not None:
        low, high = figures["accuracy_interval_95"]
        table.add_row("accuracy", f"{figures['accuracy']:.1%} (95% interval {low:.1%} to {high:.1%})")
    table.add_row("unanswered", f"{figures['unanswered']}")
    about = "~" if figures["estimated_calls_per_task"] else ""
    tokens = (
        f"{about}{figures['prompt_tokens_per_task']:.0f} in, {about}{figures['completion_tokens_per_task']:.0f} out"
    )
    table.add_row("tokens per task", f"{tokens}, {figures['cached_tokens_per_task']:.0f} cached")
    table.add_row("LLM calls per task", f"{figures['llm_calls_per_task']:.2f}")
    table.add_row("LLM seconds per task", f"{figures['seconds_per_task']:.1f}")
    if out is not None:
        table.add_row("results", plain(out))
    console.print(table)
