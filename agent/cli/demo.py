"""`pilotage demo`: three real tasks with the embedded model; what the first teaches helps the third."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pilotage.agent.cli.terminal import print_json_line
from pilotage.common.text import json_line

if TYPE_CHECKING:
    from pilotage.agent.runner import ReasoningAgent
    from pilotage.agent.task import Task


def demo(
    model: str = typer.Option("embedded", help="The model to use."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object a task."),
) -> None:
    """Solve three real tasks with the embedded model and learn from the first for the third."""
    from pilotage.agent.cli.assembly import assemble
    from pilotage.agent.settings import Settings
    from pilotage.common.files import replace
    from pilotage.common.paths import data_dir

    folder = data_dir() / "demo"
    shutil.rmtree(folder, ignore_errors=True)  # the demo starts without memory, so that what it learns is seen
    # By the rules, whose reasons a reader follows; what the default explores depends on what its memory has met.
    settings = Settings(model=model, memory=str(folder / "memory"), policy="rules", cache=False)
    with assemble(settings, quick=True) as agent:
        runs = asyncio.run(_solve_all(agent, quiet=as_json))
    trace = folder / "trace.jsonl"
    replace(trace, "".join(f"{json_line(run)}\n" for run in runs).encode())
    if as_json:
        for run in runs:
            print_json_line(run)
        return
    print(f"\n{sum(run['score'] == 1 for run in runs)} of {len(runs)} right.")
    print(f"The trace of every step is in {_short(trace)}")
    print(f"The memory is in {_short(folder / 'memory')}")
    me = own_name()
    print(f'Next: {me} solve "your own question"    {me} solve --help    {me} doctor')


def own_name() -> str:
    """How the command is called from here: `make demo` runs it where it is not on the path."""
    return "pilotage" if shutil.which("pilotage") else os.path.relpath(sys.argv[0])


def _short(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


async def _solve_all(agent: ReasoningAgent, *, quiet: bool) -> list[dict[str, Any]]:
    from pilotage.agent.cli.solve.show import Show

    runs = []
    tasks = _tasks()
    async with agent:
        for place, task in enumerate(tasks, 1):
            if not quiet:
                print(f"\n--- task {place} of {len(tasks)}: {task.prompt}\n")
            runs.append(await Show(sys.stdout, quiet=quiet).solving(agent, task))
    return runs


def _tasks() -> tuple[Task, ...]:
    from pilotage.agent.task import Task

    return (
        Task(
            id="market",
            kind="numeric",
            prompt=(
                "Lena sells 14 jars of honey at 6 dollars each and 9 candles at 4 dollars each. The stall costs her 25 "
                "dollars. How many dollars of profit does she make?"
            ),
            gold=95,
        ),
        Task(id="planet", kind="text", prompt="Which planet is closest to the sun?", gold="Mercury"),
        Task(
            id="bakery",
            kind="numeric",
            prompt=(
                "Omar sells 32 loaves of bread at 5 dollars each and 18 cakes at 12 dollars each. Flour and rent cost "
                "him 140 dollars. How many dollars of profit does he make?"
            ),
            gold=236,
        ),
    )
