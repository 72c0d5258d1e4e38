"""Run: every task by every method before the next, each run on disk before its method's next begins.

So a run that is stopped has whole pairs, and what another method has asked already comes out of the response cache: it
counts in full for each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilotage.agent.batch.batch import Place, solved
from pilotage.agent.batch.pace import Pace
from pilotage.agent.batch.results import ResultsFile, regrade
from pilotage.agent.batch.workers import Refusals, at_once
from pilotage.agent.bench.draws import SCORES, draws_of, regrade_draws, scores_of_draws
from pilotage.agent.bench.methods import Method
from pilotage.agent.errors import PilotageError
from pilotage.agent.run import Run
from pilotage.agent.task import Task

if TYPE_CHECKING:
    from pilotage.agent.runner import ReasoningAgent
    from pilotage.agent.sandbox import Sandbox


@dataclass(frozen=True)
class Lane:
    """One method under one seed.

    Attributes:
        method: whose runs these are.
        repeat: number of the repeat, from 0, which is the `order` of its result lines.
        agent: solves.
        results: the file of the method, with the lines of all its repeats.
    """

    method: Method
    repeat: int
    agent: ReasoningAgent
    results: ResultsFile

    @property
    def place(self) -> Place:
        """Where its results go."""
        return Place(self.results, self.repeat)


async def tidied(lanes: Sequence[Lane], tasks: Sequence[Task], sandbox: Sandbox | None) -> list[str]:
    """Makes the results that are there fit for going on; returns the ids of tasks whose score is another now.

    Failures are to be tried again; what answered another question under the same id goes aside; the rest, draws too, is
    graded anew.
    """
    changed: list[str] = []
    for lane in lanes:
        results, order = lane.results, lane.repeat
        if not results.done:
            continue
        results.set_aside(results.changed(tasks, order))
        results.try_again(results.failed(tasks, order))
        changed += await regrade(results, tasks, order, sandbox)
        await regrade_draws(results, tasks, order, sandbox)
    return list(dict.fromkeys(changed))


async def solve_by_all(
    lanes: Sequence[Lane],
    tasks: Sequence[Task],
    *,
    concurrency: int = 1,
    on_run: Callable[[Method, Run], object] = lambda method, run: None,
    on_pair: Callable[[Pace], object] = lambda pace: None,
) -> None:
    """Solves what is not there yet: repeat by repeat, each task by one method after the other.

    Args:
        lanes: methods under the seeds of their repeats, in the order in which they take their turn.
        tasks: the tasks, each with an id of its own.
        concurrency: tasks at once.
        on_run: called with each run, also with one that has an error; that one is wrong, and tried again when the
            results are resumed.
        on_pair: called after each task that all methods have done in a repeat, with the pace of such pairs.

    Raises:
        PilotageError: what every other task would meet; results so far are kept, and the runs at work are finished, so
            that what they cost is known.
    """
    repeats = sorted({lane.repeat for lane in lanes})
    by_repeat = {repeat: [lane for lane in lanes if lane.repeat == repeat] for repeat in repeats}
    pairs = [(task, by_repeat[repeat]) for repeat in repeats for task in tasks]
    waiting = [(task, ours) for task, ours in pairs if not all(lane.place.is_done(task) for lane in ours)]
    pace, coming, refusals = Pace(len(pairs), len(pairs) - len(waiting)), iter(waiting), Refusals("runs")

    failures: list[PilotageError] = []

    async def work() -> None:
        while not failures and (pair := next(coming, None)) is not None:
            task, ours = pair
            for lane in ours:
                if failures:
                    return
                if not lane.place.is_done(task):
                    try:
                        await _solve(task, lane, refusals, on_run)
                    except PilotageError as error:
                        failures.append(error)
                        return
            pace.done += 1
            on_pair(pace)

    await at_once(work, concurrency)
    if failures:
        raise failures[0]


async def _solve(task: Task, lane: Lane, refusals: Refusals, on_run: Callable[[Method, Run], object]) -> None:
    place = lane.place
    async with aclosing(solved(lane.agent, iter([task]), place, concurrency=1, refusals=refusals)) as runs:
        async for _, run in runs:
            line = place.line(task, run)
            if draws := draws_of(line):
                line[SCORES] = await scores_of_draws(task, draws, lane.agent.components.sandbox)
            lane.results.append(line)
            on_run(lane.method, run)
