"""`pilotage solve --tasks`: progress while it runs, a summary at the end, a results file that can be resumed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilotage.agent.batch.batch import solve_all
from pilotage.agent.batch.orders import memory_copy, shuffled
from pilotage.agent.batch.results import ResultsFile, regrade
from pilotage.agent.batch.rows import key
from pilotage.agent.batch.summary import Figures
from pilotage.agent.cli.assembly import assemble, memory_place, model_of, second_model_of
from pilotage.agent.cli.terminal import interruptible, plain, print_json_line, progress, screen, table
from pilotage.agent.errors import ModelUnavailable, UsageError
from pilotage.agent.routing.policies import policy_file, policy_label
from pilotage.agent.run import Run
from pilotage.agent.sandbox import open_sandbox
from pilotage.agent.settings import Settings
from pilotage.agent.task import Task
from pilotage.agent.tasks import load_tasks
from pilotage.agent.tasks.fields import mapping
from pilotage.common.paths import expanded
from pilotage.navigator.policies.rules.default import NAME as DEFAULT
from pilotage.navigator.policies.rules.default import SHIPPED_EFFORT

if TYPE_CHECKING:
    from pilotage.agent.cli.screen import Screen
    from pilotage.agent.cli.solve.solve import TaskOptions
    from pilotage.agent.models.client import ModelClient
    from pilotage.agent.runner import ReasoningAgent


DECIDING = (
    *("memory_selection", "memory_caption", "memory_related", "memory_form", "keep_unverified", "holdout"),
    *("observation", "blocks", "sandbox", "confidence", "min_confidence", "escalate_to"),
)
"""Settings, beside the model, the policy and the limits of a run, that decide answers: a file has one of each."""


def solve_tasks(options: TaskOptions, settings: Settings, *, as_json: bool) -> int:
    """Solves the tasks of a source; the exit code is 1 where a task could not be read or was not answered usably."""
    _require_sense(options, settings)
    source = load_tasks(options.tasks or "", mapping(options.fields))
    tasks = list(islice(source, options.limit))
    console = screen(errors=True, soft_wrap=True)
    console.print_left_out(source.defects)
    with ExitStack() as stack:
        results = model = None
        if options.out is not None:
            model = model_of(settings)
            results = stack.enter_context(open_results(options.out, settings, model, resume=options.resume))
        if not tasks and not (results and results.done):
            console.print("no task to solve")
            return 1
        limit = settings.budget.max_tokens
        total = Figures(limit)
        for seed in options.seeds:
            ordered = tasks if seed is None else shuffled(tasks, seed)
            batch = Batch(ordered, seed, settings, results, console, as_json)
            batch.regrade()
            if batch.waiting:
                with assemble(_settings_of_order(options, settings, seed), model=model) as agent:
                    figures = batch.solve(agent)
            else:
                figures = Figures(limit)
                console.print(f"all {len(tasks)} tasks are done already")
            if results is not None:
                figures = batch.recorded()
            if options.orders is not None:
                right = figures.summary()["accuracy"]
                share = "" if right is None else f", {right:.0%} right"
                console.print(f"order {seed}: {figures.tasks} tasks{share}")
            total += figures
    _print_summary(console, total.summary(), options.out)
    return 1 if source.defects or total.failed else 0


def open_results(path: Path, settings: Settings, model: ModelClient, *, resume: bool, **more: Any) -> ResultsFile:
    """The results file of runs under these settings, and whatever `more` decides answers; raises as `ResultsFile`."""
    common = {"policy": policy_label(settings.policy, settings.effort), "seed": settings.seed}
    results = ResultsFile(path, resume=resume, settings=common, conditions=conditions_of(settings, model) | more)
    _say_what_is_untold(results, screen(errors=True, soft_wrap=True))
    return results


@dataclass(frozen=True)
class Batch:
    """Tasks in the order of a seed, or of their source, and the file of their results, if one is kept.

    Attributes:
        live: tells how it goes, in another way than a share that is right: called with how many tasks there are and how
            many are done, it gives what is called with each run and the figures so far.
    """

    tasks: list[Task]
    order: int | None
    settings: Settings
    results: ResultsFile | None
    console: Screen
    as_json: bool
    live: Callable[[int, int], AbstractContextManager[Callable[[Run, Figures], None]]] | None = None

    def regrade(self) -> None:
        """Says which results do not answer the tasks as they are now, after grading those anew that do."""
        results, tasks = self.results, self.tasks
        if results is None or not results.done:
            return
        changed = results.changed(tasks, self.order)
        if changed and not self.settings.learn_every:
            self.console.print(
                f"{_several(changed)} answered another question under the same id: solved anew, and what was there "
                f"goes to {plain(results.aside)}"
            )
        sandbox = open_sandbox(self.settings.sandbox) if any(task.kind == "program" for task in tasks) else None
        with interruptible(lambda: f"interrupted; {self.kept}"):
            regraded = asyncio.run(regrade(results, tasks, self.order, sandbox))
        if regraded:
            what = "graded otherwise than before: the task's answer or grader has changed"
            self.console.print(f"{_several(regraded)} {what}")

    def recorded(self) -> Figures:
        """Figures of what the file holds of the tasks."""
        assert self.results is not None
        figures, done = Figures(self.settings.budget.max_tokens), self.results.done
        for name in (key(task.id, self.order) for task in self.tasks):
            if name in done:
                figures.add(done[name])
        return figures

    @property
    def waiting(self) -> int:
        """How many tasks are still to be solved. Without batches, one without a usable reply is tried again."""
        if self.results is None:
            return len(self.tasks)
        held = [task for task in self.tasks if self.results.holds(task, self.order)]
        again = [] if self.settings.learn_every else self.results.failed(held, self.order)
        return len(self.tasks) - len(held) + len(again)

    @property
    def kept(self) -> str:
        """What there is of a batch that has come to no end, and how to go on."""
        if self.results is not None:
            return kept_in([self.results], "result", self.results.path)
        quick = "; the replies are cached, so that the same command is quick about them" if self.settings.cache else ""
        return f"no result is kept, since no --out was given{quick}"

    def solve(self, agent: ReasoningAgent) -> Figures:
        """Solves what is waiting; figures of that."""
        figures = Figures(self.settings.budget.max_tokens)
        with (self.live or self._told)(len(self.tasks), len(self.tasks) - self.waiting) as tell:

            def on_done(run: Run) -> None:
                line = run.to_json() | ({} if self.order is None else {"order": self.order})
                figures.add(line)
                tell(run, figures)
                if run.error is not None:
                    self.console.print(f"[red]not solved[/] {plain(run.task_id)}: {plain(run.error)}")
                if self.as_json:
                    print_json_line(line)

            common: dict[str, Any] = {"concurrency": self.settings.concurrency, "results": self.results}
            common |= {"order": self.order, "graded": True}  # before the model was loaded
            if self.settings.learn_every and self.settings.learn:
                common["every"] = self.settings.learn_every

            async def everything() -> None:
                async with agent:
                    await solve_all(agent, self.tasks, on_done=on_done, keep=False, **common)

            try:
                with interruptible(lambda: f"interrupted; {self.kept}", also_by_sigterm=True):
                    asyncio.run(everything())
            except ModelUnavailable as error:
                raise ModelUnavailable(f"{error} The batch ends here; {self.kept}") from error
        return figures

    @contextmanager
    def _told(self, total: int, before: int) -> Iterator[Callable[[Run, Figures], None]]:
        """A bar with the share that is right on a terminal, else a line for each task."""
        what = "solving" if self.order is None else f"order {self.order}"
        fields: dict[str, Any] = {"total": total, "completed": before, "right": ""}
        with progress(self.console, what, "{task.fields[right]}", count=True, left=True, **fields) as update:

            def tell(run: Run, figures: Figures) -> None:
                accuracy = figures.summary()["accuracy"]
                update(advance=1, right="" if accuracy is None else f"{100 * accuracy:.0f}% right")
                if not self.as_json and not self.console.is_terminal and run.error is None:
                    score = "" if run.score is None else f" score {run.score:g}"
                    score += " (withheld)" if run.abstained else ""
                    self.console.print(f"{plain(run.task_id)}: {' → '.join(run.route)}{score}{memory_note(run)}")

            yield tell


def kept_in(files: Sequence[ResultsFile], what: str, place: Path) -> str:
    """How many results files hold of a kind of thing, how many of these came to nothing, and how to go on."""
    lines = [line for results in files for line in results.done.lines.values()]
    failed = sum(line.failed for line in lines)
    solved = len(lines) - failed
    done = f"1 {what} is" if solved == 1 else f"{solved} {what}s are"
    also = f", and {failed} without a usable reply" if failed else ""
    return f"{done} kept in {place}{also}; the same command with --resume goes on with the rest"


def _require_sense(options: TaskOptions, settings: Settings) -> None:
    if options.orders is not None and options.out is None:
        raise UsageError("--orders needs --out: the copies of the memory are kept beside it")
    if options.orders is not None and "://" in settings.memory:
        raise UsageError("--orders copies the memory, so it needs a memory folder, not a database")
    if settings.learn_every and settings.memory == "none":
        raise UsageError("--learn every=N needs a memory: leave out `--memory none`")


def _settings_of_order(options: TaskOptions, settings: Settings, seed: int | None) -> Settings:
    """The settings with the memory of one order: where there are several, a copy, so that they do not meet."""
    if options.orders is None or options.out is None or settings.memory == "none":
        return settings
    copies = options.out.with_name(options.out.name + ".memory")
    if not options.resume and (copies / f"order-{seed}").exists():
        raise UsageError(f"{copies} holds copies of an earlier run; remove it, add --resume, or choose another --out")
    copy = memory_copy(Path(memory_place(settings)), copies / f"order-{seed}")
    return settings.model_copy(update={"memory": str(copy)})


def conditions_of(settings: Settings, model: ModelClient) -> dict[str, Any]:
    """What the answers of a results file depend on, by the names of the settings; see `ResultsFile`."""
    files = {"policy file": policy_file(settings.policy)}
    if settings.confidence != "default":
        files["confidence file"] = expanded(settings.confidence)
    files |= {f"file of {block}": policy_file(block) for block in settings.blocks}
    second = second_model_of(settings)
    by_default = settings.effort is None and settings.policy.endswith(DEFAULT)
    learns = settings.learn and settings.memory != "none"
    return {
        "learning": "no" if not learns else f"every={settings.learn_every}" if settings.learn_every else "each",
        "model": identified(model),
        **{what: _short_hash(file.read_bytes()) for what, file in files.items() if file is not None and file.is_file()},
        **({} if second is None else {"second model": identified(second)}),
        **({"effort": SHIPPED_EFFORT} if by_default else {}),
        **settings.budget.model_dump(mode="json"),
        "memory": settings.memory != "none",
        **settings.model_dump(mode="json", include=set(DECIDING)),
    }


def identified(model: ModelClient) -> str:
    """A model's name, and a hash of what the response cache knows it by, which tells others of that name apart."""
    return f"{model.name} ({_short_hash(model.identity.encode())})"


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


def _several(names: list[str]) -> str:
    """A few names out of many, and how many there are."""
    shown = ", ".join(plain(name) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def memory_note(run: Run) -> str:
    """What memory had to do with a run, for people; empty where it had nothing."""
    counts = {what: len(getattr(run, what)) for what in ("recalled", "followed", "withheld", "learned")}
    parts = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return f" ({parts})" if parts else ""


def _print_summary(console: Screen, figures: dict[str, Any], out: Path | None) -> None:
    shown = table(show_header=False, pad_edge=True)
    shown.add_row("tasks", f"{figures['tasks']}")
    if figures["accuracy"] is not None:
        low, high = figures["accuracy_interval_95"]
        shown.add_row("accuracy", f"{figures['accuracy']:.1%} (95% interval {low:.1%} to {high:.1%})")
    shown.add_row("unanswered", f"{figures['unanswered']}")
    if figures["escalated"]:
        shown.add_row("solved by the second model", f"{figures['escalated']}")
    if figures["abstained"]:
        shown.add_row("of them withheld", f"{figures['abstained']}")
    if figures["abstained"] and figures["accuracy_answered"] is not None:
        low, high = figures["accuracy_answered_interval_95"]
        right = f"{figures['accuracy_answered']:.1%} (95% interval {low:.1%} to {high:.1%})"
        shown.add_row("right of the answered", f"{right}, {figures['coverage']:.1%} of the tasks")
    if ended := figures["ended_by_limits"]:
        shown.add_row("ended by a limit", ", ".join(f"{count} by {limit}" for limit, count in ended.items()))
    if (over := figures["over_max_tokens"])["runs"]:
        shown.add_row("over their limit of tokens", f"{over['runs']} runs, by {over['most']:,} tokens at most")
    about = "~" if figures["estimated_calls_per_task"] else ""
    tokens = (
        f"{about}{figures['prompt_tokens_per_task']:.0f} in, {about}{figures['completion_tokens_per_task']:.0f} out"
    )
    shown.add_row("tokens per task", f"{tokens}, {figures['cached_tokens_per_task']:.0f} cached")
    shown.add_row("LLM calls per task", f"{figures['llm_calls_per_task']:.2f}")
    shown.add_row("LLM seconds per task", f"{figures['seconds_per_task']:.1f}")
    if out is not None:
        shown.add_row("results", plain(out))
    console.print(shown)
