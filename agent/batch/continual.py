"""Continual runs: tasks in batches, memory learning between them; the same tasks again in other orders.

Within a batch every task sees the same memory, whatever the concurrency, and what the batch teaches is written in the
order of its tasks. So a run repeats itself exactly where the model does, and a batch that a kill cut short is undone in
memory and solved again when the run is resumed.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilotage.agent.batch.batch import Outcome, Place, anything, prepare, ready, solved, take_back
from pilotage.agent.batch.results import ResultsFile, key
from pilotage.agent.batch.workers import Refusals
from pilotage.agent.errors import UsageError
from pilotage.agent.run import Run
from pilotage.agent.task import Task

if TYPE_CHECKING:
    from pilotage.agent.runner import ReasoningAgent

LEDGER = "ledger.sqlite"


async def solve_continually(
    agent: ReasoningAgent,
    tasks: Iterable[Task | str],
    *,
    every: int,
    concurrency: int = 1,
    results: ResultsFile | None = None,
    order: int | None = None,
    on_done: Callable[[Run], None] = anything,
    until: Callable[[], bool] = lambda: False,
    keep: bool = True,
    graded: bool = False,
) -> Outcome:
    """Solves tasks in their order, and lets memory learn after every `every` of them.

    The result lines of a batch are written together, once memory has learnt from it. A task whose reply was unusable
    keeps its line when the file is resumed: memory has moved on since.

    Args:
        agent: solves; its memory learns.
        tasks: all tasks, those that `results` holds included: they make the batches.
        every: tasks to a batch.
        concurrency: how many of a batch at once.
        results: where results go.
        order: number of this order of the tasks, where the file holds several.
        on_done: called with each run, once its batch is learnt.
        until: asked before each batch; true leaves the rest for another time.
        keep: hold the runs for the outcome.
        graded: the results held have just been graded anew.

    Raises:
        PilotageError: the model is unavailable or a result could not be written; batches so far are kept.
        UsageError: `results` is of other tasks, or of these in other batches, and memory has learnt from them since;
            or it has answers of another model, policy or seed; or two tasks have one id.
    """
    if every < 1:
        raise UsageError(f"every={every} makes no batches: give at least 1")
    tasks = ready(tasks)
    outcome, place, refusals = Outcome(), Place.of(results, order), Refusals()
    if results is not None and agent.memory is not None:
        _require_same_batches(tasks, every, results, order)
    if results is not None:
        await prepare(agent, tasks, results, order, graded=graded)
    for start in range(0, len(tasks), every):
        batch = tasks[start : start + every]
        if all(map(place.is_done, batch)):
            continue
        if until():
            break
        if results is not None:
            place.drop(batch)
            await asyncio.to_thread(take_back, agent.memory, [place.run_id(task) for task in batch])
        runs = {}
        common: dict[str, Any] = {"concurrency": concurrency, "learn_later": True, "refusals": refusals}
        async with aclosing(solved(agent, iter(batch), place, **common)) as solving:
            async for task, run in solving:
                runs[task.id] = run
        finished = [await _learnt(agent, task, runs[task.id]) for task in batch]
        place.write(*zip(batch, finished, strict=True))
        for run in finished:
            if keep:
                outcome.add(run)
            on_done(run)
    return outcome


def _require_same_batches(tasks: Sequence[Task], every: int, results: ResultsFile, order: int | None) -> None:
    """Raises UsageError where a batch is not done as it stands and one after it is: memory cannot go back so far."""
    whole = True
    for start in range(0, len(tasks), every):
        batch = tasks[start : start + every]
        if not whole and any(key(task.id, order) in results.done for task in batch):
            raise UsageError(
                f"{results.path} is of other tasks, or of these in another order, and memory has learnt from them "
                "batch by batch: give the same tasks, with new ones after them, or choose another --out"
            )
        whole = whole and all(results.holds(task, order) for task in batch)


async def _learnt(agent: ReasoningAgent, task: Task, run: Run) -> Run:
    return run if run.error is not None else await agent.alearn(task, run)


def shuffled(tasks: Sequence[Task], seed: int) -> list[Task]:
    """The tasks in the order of a seed."""
    mixed = list(tasks)
    random.Random(seed).shuffle(mixed)
    return mixed


def memory_copy(memory: Path, folder: Path) -> Path:
    """A copy of a memory folder for one order of the tasks; the one that is there already, if it is.

    Only the ledger is copied, as it is at one moment, also while others write to it: the index is a view of it.

    Args:
        memory: the memory to start from; it need not exist.
        folder: where the copy goes.

    Raises:
        UsageError: it cannot be copied.
    """
    if folder.exists():
        return folder
    partial = folder.with_name(folder.name + ".partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        if (memory / LEDGER).exists():
            uri = f"{(memory / LEDGER).absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True)) as source, closing(sqlite3.connect(partial / LEDGER)) as copy:
                source.backup(copy)
        partial.rename(folder)
    except (OSError, sqlite3.Error) as error:
        raise UsageError(f"cannot copy the memory {memory} to {folder}: {error}; choose another --out") from error
    return folder
