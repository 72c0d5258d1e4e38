"""Batch: many tasks, some at once, each result on disk before the next is begun in its place."""

from __future__ import annotations

import asyncio
import logging
import secrets
import traceback
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pilotage.agent.batch.results import ResultsFile, key, regrade
from pilotage.agent.batch.workers import Refusals
from pilotage.agent.errors import BadReply, CacheUnusable, ModelUnavailable, PilotageError, Unforeseen, UsageError
from pilotage.agent.run import Run
from pilotage.agent.task import Task
from pilotage.common.redaction import redact_message
from pilotage.memory.errors import ConceptStoreError

if TYPE_CHECKING:
    from pilotage.agent.runner import ReasoningAgent
    from pilotage.memory import ConceptStore


@dataclass
class Outcome:
    """What came of a batch: its runs, and those that no usable reply was had for."""

    runs: list[Run] = field(default_factory=list)
    unsolved: list[Run] = field(default_factory=list)

    @property
    def failed(self) -> list[tuple[str, str]]:
        """Ids of the tasks without a usable reply, and why."""
        return [(run.task_id, run.error or "") for run in self.unsolved]

    def add(self, run: Run) -> None:
        """Counts a run where it belongs."""
        (self.runs if run.error is None else self.unsolved).append(run)


@dataclass(frozen=True)
class Place:
    """Where a run's result line belongs: `results` None keeps none; `order` numbers one of several orders of tasks."""

    results: ResultsFile | None = None
    order: int | None = None
    label: str = ""

    @classmethod
    def of(cls, results: ResultsFile | None, order: int | None = None) -> Place:
        """A place whose runs have ids of their own, and the same ones when the file is resumed."""
        return cls(results, order, results.label if results is not None else secrets.token_hex(6))

    def is_done(self, task: Task) -> bool:
        """Whether the file has this task's result."""
        return self.results is not None and self.results.holds(task, self.order)

    def run_id(self, task: Task) -> str:
        """Id of the run of a task: memory counts what came of it once, however often it is begun."""
        return f"{self.label}/{key(task.id, self.order)}"

    def line(self, task: Task, run: Run) -> dict[str, Any]:
        """The result line of a task's run."""
        return run.to_json() | {"asked": task.asked} | ({} if self.order is None else {"order": self.order})

    def write(self, *solved: tuple[Task, Run]) -> None:
        """Writes result lines, all at one stroke."""
        if self.results is not None:
            self.results.append(*(self.line(task, run) for task, run in solved))

    def drop(self, tasks: Iterable[Task]) -> None:
        """Takes results out, for their tasks to be solved anew."""
        if self.results is not None:
            self.results.drop({key(task.id, self.order) for task in tasks})


def ready(given: Iterable[Task | str]) -> list[Task]:
    """The tasks of a batch, bare questions made ones.

    Raises:
        UsageError: one is none, or two have one id, by which their results could not be told apart.
    """
    from pilotage.agent.components import Components

    tasks = [Components.task(one) for one in given]
    double = [id for id, count in Counter(task.id for task in tasks).items() if count > 1]
    if double:
        raise UsageError(f"the id {double[0]!r} is that of several tasks: give each an id of its own")
    return tasks


def take_back(memory: ConceptStore | None, runs: Sequence[str]) -> None:
    """Undoes what runs that were cut short wrote to memory, the last one first.

    Raises:
        StaleConcept: somebody has built on it since.
    """
    if memory is None:
        return
    for run in reversed(runs):
        if memory.events(run=run, limit=1):
            memory.undo_run(run)


def anything(run: Run) -> None:
    """Ignores a run."""


async def solve_all(
    agent: ReasoningAgent,
    tasks: Iterable[Task | str],
    *,
    concurrency: int = 1,
    results: ResultsFile | None = None,
    order: int | None = None,
    on_done: Callable[[Run], None] = anything,
    until: Callable[[], bool] = lambda: False,
    keep: bool = True,
    graded: bool = False,
) -> Outcome:
    """Solves tasks, `concurrency` at a time, leaving out those that `results` holds already.

    What it holds of them is graded anew first: what is right may have changed since.

    A task that the endpoint refused, whose reply was unusable, or that nothing was ready for, gets a line that says so
    and what it cost, and the others go on; it is tried again when the file is resumed. An endpoint that is down, or
    refuses one task after another, ends the batch, since every other task would meet it too; those at work are
    finished. What a task that a kill cut short has written to memory is undone before it is solved again.

    Args:
        agent: solves.
        tasks: the tasks, each with an id of its own, or bare questions.
        concurrency: how many at once.
        results: where each result goes as soon as it is there.
        order: number of this order of the tasks, where the file holds several.
        on_done: called with each run, also with those that have an error.
        until: asked before each task; true leaves the rest for another time.
        keep: hold the runs for the outcome. Of many thousands, what `on_done` and `results` are given may do.
        graded: the results held have just been graded anew.

    Raises:
        UsageError: two tasks have one id, or `results` has answers of another model, policy or seed.
        PilotageError: the model is unavailable or a result could not be written; results so far are kept.
    """
    tasks = ready(tasks)
    outcome, place = Outcome(), Place.of(results, order)
    if results is not None:
        await prepare(agent, tasks, results, order, graded=graded)
        results.drop(results.failed(tasks, order))
        results.set_aside(results.changed(tasks, order))
    if results is not None and results.resumed:
        begun = [place.run_id(task) for task in tasks if not place.is_done(task)]
        await asyncio.to_thread(_take_back_loosely, agent.memory, begun)
    waiting: Iterator[Task] = (task for task in tasks if not place.is_done(task))
    async with aclosing(solved(agent, waiting, place, concurrency=concurrency, until=until)) as runs:
        async for task, run in runs:
            place.write((task, run))
            if keep:
                outcome.add(run)
            on_done(run)
    return outcome


async def prepare(
    agent: ReasoningAgent, tasks: Sequence[Task], results: ResultsFile, order: int | None, *, graded: bool
) -> None:
    """Holds what a file has already against the agent that goes on with it, and against the tasks as they are now."""
    components = agent.components
    results.require({"model": components.model.name, "policy": components.policy.name, "seed": components.seed})
    if not graded:
        await regrade(results, tasks, order, components.sandbox)


def _take_back_loosely(memory: ConceptStore | None, runs: Sequence[str]) -> None:
    from pilotage.memory.errors import StaleConcept

    for run in reversed(runs):
        try:
            take_back(memory, [run])
        except StaleConcept:
            continue  # tasks that went on beside it have built on what it taught; its counts count once all the same


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

    Once every other task would fail too, none is begun any more, and those at work are finished.

    Args:
        agent: solves.
        tasks: what to solve.
        place: where the runs belong.
        concurrency: how many at once.
        learn_later: leave memory as it is.
        until: asked before each task; true leaves the rest.
        refusals: those so far, where these tasks follow others.

    Raises:
        PilotageError: what every other task would meet.
    """
    refusals = refusals or Refusals()

    async def solve(task: Task) -> tuple[Task, Run]:
        run_id = place.run_id(task)
        try:
            run = await agent.asolve(task, run_id=run_id, learn_later=learn_later)
            refusals.answered()
            return task, run
        except CacheUnusable:
            raise  # every other task would meet it too, maybe after its reply was paid for
        except (BadReply, UsageError) as error:
            if isinstance(error, ModelUnavailable):
                refusals.refused(error)
            return task, agent.unsolved(task, error, run_id)
        except (PilotageError, ConceptStoreError, OSError, MemoryError):
            raise  # every other task would meet it too
        except Exception as error:
            where = redact_message("".join(traceback.format_exception(error)))
            logging.getLogger(__name__).warning("task %r\n%s", task.id, where)
            return task, agent.unsolved(task, Unforeseen(f"{type(error).__name__}: {error}"), run_id)

    at_work: set[asyncio.Task[tuple[Task, Run]]] = set()
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
                if (error := finished.exception()) is None:
                    yield finished.result()
                failure = failure or error
    finally:
        for left in at_work:
            left.cancel()
        await asyncio.gather(*at_work, return_exceptions=True)
    if failure is not None:
        raise failure


__all__ = ["Outcome", "Place", "ResultsFile", "solve_all", "solved"]
