"""`pilotage solve`: one question with live progress, or many tasks into a results file."""

from __future__ import annotations

import asyncio
import re
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import typer

from pilotage.agent.cli.command import Command
from pilotage.agent.cli.options import A_SEED, LIMIT, MAP, RunOptions, at_most, expert, for_tasks
from pilotage.agent.cli.outputs import file_to_write
from pilotage.agent.cli.terminal import interruptible, print_json_line, print_notice
from pilotage.agent.errors import UsageError
from pilotage.common.paths import expanded

if TYPE_CHECKING:
    from pilotage.agent.settings import Settings

EMBEDDER = "minilm"
MOST_BYTES = 10 << 20
"""Of a question."""
ASKED_KINDS = ("numeric", "text", "open")
"""What a bare question may want; other kinds need more than a question."""
DIRECT = ("default", "fixed:answer")
"""Policies of which nobody expects more than a reply to what is taken for a request for prose."""
LEARN_VALUE = re.compile(r"each|every=.*")


class Solve(Command):
    """A command whose option `--learn` may stand without a value, which Typer's own options can't."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Gives a bare `--learn` its value."""
        given = [
            "--learn=each" if arg == "--learn" and not LEARN_VALUE.fullmatch(follower) else arg
            for arg, follower in pairwise([*args, ""])
        ]
        return super().parse_args(ctx, given)


@dataclass(frozen=True)
class SolveOptions(RunOptions):
    """The settings that `pilotage solve` can be given."""

    policy: str | None = typer.Option(
        None,
        help="default, rules, one-bit, vote:3, agree:2, network (trained), experience (of the memory), random, llm "
        "(the model chooses), FILE.safetensors, FILE.toml, or fixed:BLOCK,BLOCK,...; epsilon=0.1:POLICY explores. "
        "(default: default)",
    )
    effort: str | None = typer.Option(
        None,
        help="low, medium or high; or 0 to 1 for a policy trained with --effort-input. "
        "(default: low, of a trained policy medium)",
    )
    memory: str | None = typer.Option(None, help="Memory folder, or none. (default: in the user's data folder)")
    holdout: float | None = expert(
        None, help="Share of the tasks that run without hints, to measure what hints are worth. (default: 0)"
    )
    min_confidence: float | None = typer.Option(
        None, help="Withhold an answer that is less likely to be right than this, 0 to 1."
    )
    escalate_to: str | None = typer.Option(
        None, help="A second model, as --model, which solves anew what would be withheld."
    )
    confidence: str | None = expert(
        None, help="What says how likely an answer is right: a file of `pilotage bank confidence`. (default: default)"
    )
    observation: str | None = expert(None, help="free, probe, rlot or rlot+free. (default: free)")


@dataclass(frozen=True)
class TaskOptions:
    """Which tasks to solve, in which orders, and where the results go."""

    tasks: str | None = for_tasks(None, help="FILE.jsonl, gsm8k:FILE, or gym:FAMILY,...;size=20;seed=1.")
    out: Path | None = for_tasks(None, help="Results file (JSON Lines), one object a task.")
    fields: str | None = MAP
    limit: int | None = LIMIT
    resume: bool = for_tasks(False, "--resume", help="Go on with an existing results file.")
    order: int | None = expert(None, min=0, callback=A_SEED, help="Shuffle the tasks by this seed.")
    orders: int | None = expert(
        None,
        min=1,
        callback=at_most(10_000),
        help="Solve the tasks in N orders, each from its own copy of the memory. Needs --out.",
    )

    @property
    def seeds(self) -> list[int | None]:
        """The seed of each order; None for the order of the source."""
        if self.orders is None:
            return [self.order]
        return [(self.order or 0) + number for number in range(self.orders)]


def solve(
    settings: SolveOptions,
    batch: TaskOptions,
    question: str | None = typer.Argument(
        None, help="The question to solve; - reads standard input, @FILE a file.", show_default=False
    ),
    learn: str | None = typer.Option(
        None,
        metavar="[every=N]",
        help="Write verified successes and credit to memory after each task, or together after every N of --tasks, "
        "which repeats itself exactly. (default: after each)",
    ),
    no_learn: bool = typer.Option(False, "--no-learn", help="Only read memory."),
    kind: str | None = typer.Option(
        None,
        metavar="numeric|text|open",
        help="What the QUESTION wants: a number, a short text that has one right "
        "answer, or prose. (default: told by its form; in doubt open)",
    ),
    thread: str | None = expert(None, help="Name of the run; the same command resumes it if it was killed."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object a task."),
) -> None:
    """Solve a QUESTION, or the tasks of --tasks."""
    from pilotage.common.text import carriable

    if kind is not None and kind not in ASKED_KINDS:
        raise UsageError(f"--kind {kind!r:.80} is none: write numeric, text or open")
    if batch.tasks is None:
        question = question_of(question)
    elif question is not None:
        raise UsageError("give either a question or --tasks, not both")
    chosen = with_a_memory_that_opens(settings.settings(**learning(learn, no_learn)))
    if question is None:
        from pilotage.agent.cli.solve.batch import solve_tasks

        if kind is not None:
            raise UsageError("--kind is for one question; tasks say theirs in a field `kind`")
        if thread is not None:
            raise UsageError("--thread names the run of one question; --out and --resume keep those of --tasks")
        raise typer.Exit(solve_tasks(batch, chosen, as_json=as_json))
    _require_options_of_one(settings, batch, chosen)
    if batch.out is not None:
        file_to_write(batch.out)
    thread = None if thread is None else carriable(thread)
    _solve_one(question, kind, chosen, out=batch.out, thread=thread, as_json=as_json)


def _require_options_of_one(given: SolveOptions, batch: TaskOptions, chosen: Settings) -> None:
    """Raises UsageError for an option that one question has no use for; as a variable it may be for others."""
    if (
        any(value is not None for value in (batch.limit, batch.order, batch.orders, given.concurrency, given.holdout))
        or batch.resume
        or chosen.learn_every
    ):
        raise UsageError(
            "--limit, --order, --orders, --resume, --concurrency, --holdout and --learn every=N are for the tasks of "
            "--tasks"
        )


def learning(learn: str | None, no_learn: bool) -> dict[str, Any]:
    """The settings that `--learn` and `--no-learn` stand for; raises UsageError where they make no sense."""
    if no_learn and learn is not None:
        raise UsageError("give --learn or --no-learn, not both")
    if learn is None:
        return {"learn": False} if no_learn else {}
    if learn == "each":
        return {"learn": True, "learn_every": 0}
    count = learn.removeprefix("every=")
    if not learn.startswith("every=") or not count.isdecimal() or int(count) == 0:
        raise UsageError(f"--learn takes every=N with N at least 1, or nothing, not {learn!r}")
    return {"learn": True, "learn_every": int(count)}


def with_a_memory_that_opens(settings: Settings) -> Settings:
    """The settings, or the same without the default memory where the model that it searches with is not here.

    Somebody whose model is on a server has fetched nothing, and has not asked for a memory either.
    """
    from pilotage.agent.models.weights.weights import find, is_present

    by_default = "memory" not in settings.model_fields_set and not settings.learn_every
    if not by_default or settings.embedder != EMBEDDER or is_present(EMBEDDER):
        return settings
    size = f"{find(EMBEDDER).bytes / 1e6:.0f} MB"
    print_notice(f"without memory: it needs a model of {size}, which `pilotage models pull {EMBEDDER}` fetches")
    return settings.model_copy(update={"memory": "none"})


def question_of(given: str | None) -> str:
    """The question that was given as an argument, in a file (`@FILE`), or on standard input (`-`, or a pipe alone).

    Raises:
        UsageError: there is none, or it cannot be read.
    """
    if given is None:
        question = "" if sys.stdin is None or sys.stdin.isatty() else _piped()
        if not question.strip():
            raise UsageError(
                "give either a question or --tasks; - reads the question from standard input, @FILE from a file"
            )
        return question
    question = _piped() if given == "-" else _of_file(given[1:]) if given.startswith("@") else given
    if not question.strip():
        raise UsageError("the question is empty")
    return question


def _piped() -> str:
    return _text(sys.stdin.buffer, "standard input")


def _of_file(name: str) -> str:
    path = expanded(name)
    try:
        with path.open("rb") as file:
            return _text(file, str(path))
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise UsageError(f"the question @{name} names a file that cannot be read: {why}") from None


def _text(file: IO[bytes], where: str) -> str:
    content = file.read(MOST_BYTES + 1)  # not all of it: it may have no end
    if len(content) > MOST_BYTES:
        raise UsageError(f"{where} has more than {MOST_BYTES >> 20} MB, which no model reads as one question")
    try:
        return content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise UsageError(f"{where} is not UTF-8 text") from None


def _solve_one(
    question: str, kind: str | None, settings: Settings, *, out: Path | None, thread: str | None, as_json: bool
) -> None:
    from pilotage.agent.cli.assembly import assemble, model_of
    from pilotage.agent.cli.solve.show import Show
    from pilotage.agent.tasks.kinds import as_task

    task = as_task(question)
    if kind is not None:
        task = task.model_copy(update={"kind": kind, "inferred": False})
    left = "nothing of this run is kept (--thread NAME keeps a run, to go on with)"
    if thread is not None:
        left = f"what thread {thread} has finished is kept, and the same command goes on from there"
    with ExitStack() as stack:
        results = model = None
        if out is not None:
            from pilotage.agent.cli.solve.batch import open_results

            model = model_of(settings)
            results = stack.enter_context(open_results(out, settings, model, resume=True))
        opened = assemble(settings, checkpoints=thread is not None, quick=True, model=model)
        agent = stack.enter_context(opened)
        show = Show(sys.stderr if as_json else sys.stdout, quiet=as_json)

        async def run() -> dict[str, Any]:
            async with agent:
                return await show.solving(agent, task, thread)

        with interruptible(lambda: f"interrupted{show.when}; {left}", also_by_sigterm=True):
            result = asyncio.run(run())
        if results is not None:
            results.append(result | {"asked": task.asked})
    if task.inferred and task.kind == "open" and result["route"] == ["answer"] and settings.policy not in DIRECT:
        print_notice(
            f"the question was taken for a request for prose and answered directly, without {settings.policy}: "
            "--kind numeric or --kind text says that it has one right answer"
        )
    if as_json:
        print_json_line(result)
