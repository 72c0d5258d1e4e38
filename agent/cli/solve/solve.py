"""`pilotage solve`: one question with live progress, or many tasks into a results file."""

from __future__ import annotations

import asyncio
import re
import sys
from contextlib import ExitStack, aclosing
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pilotage.agent.cli.outputs import file_to_write
from pilotage.agent.cli.solve.question import asked
from pilotage.agent.cli.terminal import Command, interruptible, print_json_line, say

if TYPE_CHECKING:
    from pilotage.agent.runner import ReasoningAgent
    from pilotage.agent.settings import Settings
    from pilotage.agent.task import Task

EMBEDDER = "minilm"
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


def solve(
    question: Annotated[
        str | None,
        typer.Argument(help="The question to solve; - reads standard input, @FILE a file.", show_default=False),
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(help="Many tasks: FILE.jsonl, gsm8k:FILE, or gym:FAMILY,...;size=20;seed=1.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Results file (JSON Lines), one object a task.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Solve the first N tasks only.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Tasks at once. (default: 1)")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an existing results file.")] = False,
    model: Annotated[
        str | None,
        typer.Option(help="embedded[:NAME], a GGUF path, or PROVIDER:MODEL. (default: embedded)"),
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="OpenAI-compatible server that has the model.")] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            help="default (trained), rules, random, llm (the model chooses), FILE.safetensors, FILE.toml, or "
            "fixed:BLOCK,BLOCK,...; epsilon=0.1:POLICY explores. (default: default)"
        ),
    ] = None,
    effort: Annotated[
        str | None,
        typer.Option(help="Of a policy trained with --effort-input: low, medium, high, or 0 to 1. (default: medium)"),
    ] = None,
    memory: Annotated[
        str | None, typer.Option(help="Memory folder, or none. (default: in the user's data folder)")
    ] = None,
    learn: Annotated[
        str | None,
        typer.Option(
            metavar="[every=N]",
            help="Write verified successes and credit to memory after each task, or together after every N of --tasks, "
            "which repeats itself exactly. (default: after each)",
        ),
    ] = None,
    no_learn: Annotated[bool, typer.Option("--no-learn", help="Only read memory.")] = False,
    holdout: Annotated[
        float | None,
        typer.Option(help="Share of the tasks that run without hints, to measure what hints are worth. (default: 0)"),
    ] = None,
    order: Annotated[int | None, typer.Option(min=0, help="Shuffle the tasks by this seed.")] = None,
    orders: Annotated[
        int | None,
        typer.Option(min=1, help="Solve the tasks in N orders, each from its own copy of the memory. Needs --out."),
    ] = None,
    observation: Annotated[str | None, typer.Option(help="free, probe, rlot or rlot+free. (default: free)")] = None,
    sandbox: Annotated[
        str | None, typer.Option(help="auto, bubblewrap, subprocess (weaker), or none. (default: auto)")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Token budget of a task. (default: 6000)")] = None,
    max_steps: Annotated[
        int | None, typer.Option(help="Blocks of a task. (default: 8; with --observation rlot: 6)")
    ] = None,
    max_calls: Annotated[int | None, typer.Option(help="LLM calls of a task. (default: 24)")] = None,
    max_seconds: Annotated[float | None, typer.Option(help="Seconds of a task. (default: 600)")] = None,
    reply_tokens: Annotated[
        int | None,
        typer.Option(help="Least limit of every reply, for models that think. (default: each block's own)"),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Sampling seed. (default: 0)")] = None,
    cache: Annotated[
        bool | None, typer.Option("--cache/--no-cache", help="Reuse recorded replies. (default: cache)")
    ] = None,
    thread: Annotated[
        str | None, typer.Option(help="Name of the run; the same command resumes it if it was killed.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a task.")] = False,
) -> None:
    """Solve a QUESTION, or the tasks of --tasks."""
    from pilotage.agent.errors import UsageError
    from pilotage.agent.settings import settings_from
    from pilotage.agent.text import carriable

    if tasks is None:
        question = asked(question)
    elif question is not None:
        raise UsageError("give either a question or --tasks, not both")
    flags = {
        name: value
        for name, value in locals().items()
        if name in {"model", "base_url", "policy", "memory", "observation", "sandbox", "cache", "seed", "holdout"}
        or name in {"effort", "max_tokens", "max_steps", "max_calls", "max_seconds", "reply_tokens", "concurrency"}
    }
    flags |= learning(learn, no_learn)
    settings = with_a_memory_that_opens(settings_from(flags))
    if tasks is not None:
        from pilotage.agent.cli.solve.batch import Plan, solve_tasks

        if thread is not None:
            raise UsageError("--thread names the run of one question; --out and --resume keep those of --tasks")
        plan = Plan(tasks, out=out, limit=limit, resume=resume, order=order, orders=orders)
        raise typer.Exit(solve_tasks(plan, settings, as_json=as_json))
    assert question is not None
    if out is not None:
        file_to_write(out)
    thread = None if thread is None else carriable(thread)
    if limit is not None or order is not None or orders is not None or settings.learn_every:
        raise UsageError("--limit, --order, --orders and --learn every=N are for the tasks of --tasks")
    _solve_one(question, settings, out=out, thread=thread, as_json=as_json)


def learning(learn: str | None, no_learn: bool) -> dict[str, Any]:
    """The settings that `--learn` and `--no-learn` stand for; raises UsageError where they make no sense."""
    from pilotage.agent.errors import UsageError

    if no_learn and learn is not None:
        raise UsageError("give --learn or --no-learn, not both")
    if no_learn:
        return {"learn": False}
    if learn is None:
        return {}
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
    say(f"without memory: it needs a model of {size}, which `pilotage models pull {EMBEDDER}` fetches")
    return settings.model_copy(update={"memory": "none"})


def _solve_one(question: str, settings: Settings, *, out: Path | None, thread: str | None, as_json: bool) -> None:
    from pilotage.agent.batch.batch import ResultsFile
    from pilotage.agent.cli.assembly import assemble
    from pilotage.agent.components import Components

    task = Components.question(question)
    with ExitStack() as stack:
        agent = stack.enter_context(assemble(settings, checkpoints=thread is not None, quick=True))
        results = stack.enter_context(ResultsFile(out, resume=True, settings={})) if out is not None else None
        with interruptible(lambda: _left_of(thread)):
            result = asyncio.run(_stream(agent, task, thread, quiet=as_json))
        if results is not None:
            results.append(result)
    if as_json:
        print_json_line(result)


def _left_of(thread: str | None) -> str:
    if thread is None:
        return "interrupted; nothing of this run is kept (--thread NAME keeps a run, to go on with)"
    return f"interrupted; what thread {thread} has finished is kept, and the same command goes on from there"


async def _stream(agent: ReasoningAgent, task: Task, thread: str | None, *, quiet: bool) -> dict[str, Any]:
    from pilotage.agent import events
    from pilotage.agent.cli.solve.show import Show

    show = Show(sys.stderr if quiet else sys.stdout, quiet=quiet)
    async with agent:
        # Closed here, whatever becomes of the output: left to the event loop's end, its parts would be closed at once.
        async with aclosing(agent.astream(task, thread_id=thread)) as happening:
            async for event in happening:
                show(event)
                if isinstance(event, events.Finished):
                    return event.run.to_json()
    raise AssertionError("a run always finishes or raises")
