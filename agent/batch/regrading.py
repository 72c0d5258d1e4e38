"""Regrading: kept answers held against the tasks as they are now, without asking the model again.

What is hidden of a task is written nowhere, so that a file cannot tell whether it changed: every answer is graded anew.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pilotage.agent.batch.results import ResultsFile, key
from pilotage.agent.errors import UsageError
from pilotage.agent.task import Task
from pilotage.agent.tasks.grading import score_of

if TYPE_CHECKING:
    from pilotage.agent.sandbox import Sandbox


async def regrade(
    results: ResultsFile, tasks: Iterable[Task], order: int | None = None, sandbox: Sandbox | None = None
) -> list[str]:
    """Gives the results of the tasks the scores that they have now; returns the ids of those whose score changed.

    A result keeps its score where its answer cannot be graded here.

    Args:
        results: the file; what answers another question is left alone.
        tasks: the tasks with their hidden part.
        order: number of this order of the tasks, where the file holds several.
        sandbox: where the hidden tests of `program` tasks run; by default the isolated one of this machine.
    """
    scores: dict[str, float | None] = {}
    changed = []
    for task in tasks:
        if not results.holds(task, order):
            continue
        name = key(task.id, order)
        result = results.done[name]
        try:
            score = await score_of(task, result["answer"], sandbox)
        except UsageError as error:
            logging.getLogger(__name__).warning("the score of task %r is kept as it was: %s", task.id, error)
            continue
        if score != result["score"]:
            scores[name] = score
            changed.append(task.id)
    results.rescore(scores)
    return changed
