"""Batch: many tasks, some at once, each result on disk before the next is begun in its place.

Or in batches, memory learning between them: within a batch every task sees the same memory, whatever the concurrency,
and what the batch teaches is written in the order of its tasks. So a run repeats itself exactly where the model does,
and a batch that a kill cut short is undone in memory and solved again when the run is resumed.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import traceback
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pilotage.agent.batch.results import ResultsFile, regrade
from pilotage.agent.batch.rows import key
from pilotage.agent.batch.workers import Refusals
from pilotage.agent.errors import (
    BadReply,
    CacheUnusable,
    ModelError,
    ModelUnavailable,
    PilotageError,
    Unforeseen,
    UsageError,
)
from pilotage.agent.experience.undoing import undo_run
from pilotage.agent.run import Run
from pilotage.agent.task import Task
from pilotage.agent.tasks.kinds import as_task
from pilotage.common.redaction import redact_message
from pilotage.memory.errors import AlreadyUndone, ConceptStoreError, StaleConcept, UnknownEvent

if TYPE_CHECKING:
    from pilotage.agent.runner import ReasoningAgent
    from pilotage.memory import ConceptStore


@dataclass
class Outcome:
    """What came of a batch: its runs, and those that no usable reply was had for."""

    runs: list[Run] = field(default_factory=list)
    unsolved: list[Run] = field(default_factory=list)

    def add(self, run: Run) -> None:
        """Counts a run where it belongs."""
        (self.runs if run.error is None else self.unsolved).append(run)


@dataclass(frozen=True)
class Place:
    """Where a run's result line belongs: `results` None keeps none; `order` numbers one of several orders of tasks."""

    results: ResultsFile | None = None
    order: int | None = None

    @cached_property
    def _label(self) -> str:
        return self.results.label if self.results is not None else secrets.token_hex(6)

    def is_done(self, task: Task) -> bool:
        """Whether the file has this task's result."""
        return self.results is not None and self.results.holds(task, self.order)

    def run_id(self, task: Task) -> str:
        """Id of the run of a task, the same when its file is resumed: memory counts what came of it once."""
        return f"{self._label}/{key(task.id, self.order)}"

    def line(self, task: Task, run: Run) -> dict[str, Any]:
        """The result line of a run."""
        return run.to_json() | {"asked": task.asked} | ({} if self.order is None else {"order": self.order})

    def write(self, *solved: tuple[Task, Run]) -> None:
        """Writes result lines, all at one stroke."""
        if self.results is not None:
            self.results.append(*(self.line(task, run) for task, run in solved))


async def solve_all(
    agent: ReasoningAgent,
    tasks: Iterable[Task | str],
    *,
    every: int | None = None,
    concurrency: int = 1,
    results: ResultsFile | None = None,
    order: int | None = None,
    on_done: Callable[[Run], object] = lambda run: None,
    until: Callable[[], bool] = lambda: False,
    keep: bool = True,
    graded: bool = False,
) -> Outcome:
    """Solves tasks, leaving out those that `results` holds already.

    What it holds of them is graded anew first: what is right may have changed since.

    A task that the endpoint refused, whose reply was unusable, or that nothing was ready for, gets a line that says so
    and what it cost, and the others go on; it is tried again when the file is resumed, but in batches keeps its line:
    memory has moved on since. The line of the new run tells what those before it cost. An endpoint that is down, or
    refuses one task after another, ends the batch, since every other task would meet it too; the task that met it has
    its line, and those at work are finished. What a task that a kill cut short has written to memory is
    undone before it is solved again.

    Args:
        agent: solves.
        tasks: the tasks, each with an id of its own, or bare questions; in batches all of them, since they make these.
        every: tasks to a batch that memory learns from together, in their order; None learns from each at once. The
            result lines of a batch are written together, once memory has learnt from it.
        concurrency: how many at once, within a batch.
        results: where each result goes as soon as it is there.
        order: number of this order of the tasks, where the file holds several.
        on_done: called with each run, also with those that have an error.
        until: asked before each task, or batch; true leaves the rest for another time.
        keep: hold the runs for the outcome. Of many thousands, what `on_done` and `results` are given may do.
        graded: the results held have just been graded anew.

    Raises:
        UsageError: two tasks have one id; `results` has answers of another model, policy or seed; or it is of other
            tasks, or of these in other batches, and memory has learnt from them since.
        PilotageError: the model is unavailable or a result could not be written; results so far are kept.
    """
    if every is not None and every < 1:
        raise UsageError(f"every={every} makes no batches: give at least 1")
    tasks = _distinct(tasks)
    outcome, place, components = Outcome(), Place(results, order), agent.components
    if results is not None:
        if every is not None and agent.memory is not None:
            _require_same_batches(_cut(tasks, every), results, order)
        results.require({"model": components.model.name, "policy": components.policy.name, "seed": components.seed})
        if not graded:
            await regrade(results, tasks, order, components.sandbox)
    if every is None:
        finished = _one_by_one(agent, tasks, place, concurrency, until)
    else:
        finished = _in_batches(agent, _cut(tasks, every), place, concurrency, until)
    async with aclosing(finished) as runs:
        async for run in runs:
            if keep:
                outcome.add(run)
            on_done(run)
    return outcome


def _distinct(given: Iterable[Task | str]) -> list[Task]:
    """Tasks with an id of their own each; raises UsageError where two have one id, or one is none."""
    tasks = [as_task(one) for one in given]
    double = [id for id, count in Counter(task.id for task in tasks).items() if count > 1]
    if double:
        raise UsageError(f"the id {double[0]!r} is that of several tasks: give each an id of its own")
    return tasks


def _cut(tasks: Sequence[Task], every: int) -> list[Sequence[Task]]:
    return [tasks[start : start + every] for start in range(0, len(tasks), every)]


async def _one_by_one(
    agent: ReasoningAgent, tasks: Sequence[Task], place: Place, concurrency: int, until: Callable[[], bool]
) -> AsyncGenerator[Run, None]:
    results = place.results
    if results is not None:
        results.set_aside(results.changed(tasks, place.order))
        results.try_again(results.failed(tasks, place.order))
        if results.resumed:
            begun = [place.run_id(task) for task in tasks if not place.is_done(task)]
            await asyncio.to_thread(_take_back, agent.memory, begun, stale=False)
    waiting = (task for task in tasks if not place.is_done(task))
    async with aclosing(solved(agent, waiting, place, concurrency=concurrency, until=until)) as solving:
        async for task, run in solving:
            place.write((task, run))
            yield run


async def _in_batches(
    agent: ReasoningAgent, batches: list[Sequence[Task]], place: Place, concurrency: int, until: Callable[[], bool]
) -> AsyncGenerator[Run, None]:
    refusals = Refusals()
    for batch in batches:
        if all(map(place.is_done, batch)):
            continue
        if until():
            break
        if place.results is not None:
            place.results.drop(place.results.changed(batch, place.order))
            place.results.try_again(key(task.id, place.order) for task in batch)
            await asyncio.to_thread(_take_back, agent.memory, [place.run_id(task) for task in batch])
        solving = solved(agent, iter(batch), place, concurrency=concurrency, learn_later=True, refusals=refusals)
        async with aclosing(solving):
            runs = {task.id: run async for task, run in solving}
        finished = []
        for task in batch:
            run = runs[task.id]
            finished.append(run if run.error is not None else await agent.alearn(task, run))
        place.write(*zip(batch, finished, strict=True))
        for run in finished:
            yield run


def _require_same_batches(batches: list[Sequence[Task]], results: ResultsFile, order: int | None) -> None:
    """Raises UsageError where a batch is not done as it stands and one after it is: memory cannot go back so far."""
    whole = True
    for batch in batches:
        if not whole and any(key(task.id, order) in results.done for task in batch):
            raise UsageError(
                f"{results.path} is of other tasks, or of these in another order, and memory has learnt from them "
                "batch by batch: give the same tasks, with new ones after them, or choose another --out"
            )
        whole = whole and all(results.holds(task, order) for task in batch)


def _take_back(memory: ConceptStore | None, runs: Sequence[str], *, stale: bool = True) -> None:
    """Undoes what runs that were cut short wrote to memory, the last one first.

    Raises:
        StaleConcept: somebody has built on it since. Without `stale` that is left as it is: tasks that went on beside a
            run build on what it taught, and its counts count once all the same.
    """
    for run in reversed(runs):
        try:
            if memory is not None:
                with suppress(UnknownEvent, AlreadyUndone):
                    undo_run(memory, run)
        except StaleConcept:
            if stale:
                raise


async def solved(
    agent: ReasoningAgent,
    tasks: Iterator[Task],
    place: Place,
    *,
    concurrency: int,
    learn_later: bool = False,
    until: Callable[[], bool] = lambda: False,
    refusals: Refusals | None = None,
) -> AsyncGenerator[tuple[Task, Run], None]:
    """Runs as they come, `concurrency` tasks at a time; a task without a usable reply is a run with an error.

    Once every other task would fail too, none is begun any more, and those at work are finished: what they have cost
    is known of all. `refusals` are those so far, where these tasks follow others.

    Raises:
        PilotageError: what every other task would meet.
    """
    refusals = refusals or Refusals()

    async def solve(task: Task) -> tuple[Task, Run, ModelError | None]:
        """The run, and what ends all with it."""
        run_id = place.run_id(task)
        try:
            run = await agent.asolve(task, run_id=run_id, learn_later=learn_later)
            refusals.answered()
            return task, run, None
        except CacheUnusable:
            raise  # every other task would meet it too, maybe after its reply was paid for
        except (BadReply, UsageError) as error:
            ends: ModelError | None = None
            try:
                if isinstance(error, ModelUnavailable):
                    refusals.refused(error)
            except ModelUnavailable as last:
                ends = last
            return task, agent.unsolved(task, error, run_id), ends
        except ModelError as error:  # every other task would meet it too
            return task, agent.unsolved(task, error, run_id), error
        except (PilotageError, ConceptStoreError, OSError, MemoryError):
            raise  # every other task would meet it too
        except Exception as error:
            where = redact_message("".join(traceback.format_exception(error)))
            logging.getLogger(__name__).warning("task %r\n%s", task.id, where)
            return task, agent.unsolved(task, Unforeseen(f"{type(error).__name__}: {error}"), run_id), None

    at_work: set[asyncio.Task[tuple[Task, Run, ModelError | None]]] = set()
    failure: BaseException | None = None
    try:
        while True:
            while failure is None and len(at_work) < max(1, concurrency) and not until():
                task = next(tasks, None)
                if task is None:
                    break
                at_work.add(asyncio.create_task(solve(task)))
            if not at_work:
                break
            done, at_work = await asyncio.wait(at_work, return_when=asyncio.FIRST_COMPLETED)
            for finished in done:
                error = finished.exception()
                if error is None:
                    task, run, error = finished.result()
                    yield task, run
                failure = failure or error
    finally:
        for left in at_work:
            left.cancel()
        await asyncio.gather(*at_work, return_exceptions=True)
    if failure is not None:
        raise failure
