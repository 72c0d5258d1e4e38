"""Draws: what a method's step drew before it chose, each draw graded when its run is written."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pilotage.agent.batch.results import ResultsFile
from pilotage.agent.batch.rows import key
from pilotage.agent.errors import UsageError
from pilotage.agent.strategies import installed
from pilotage.agent.strategies.macro import strategy_of
from pilotage.agent.task import Task
from pilotage.agent.tasks.grading import score_of

if TYPE_CHECKING:
    from pilotage.agent.sandbox import Sandbox

SCORES = "draw_scores"
"""Field of a result line: the score of each of `draws_of` it, in their order; null where nobody can grade it."""


def draws_of(line: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The draws of a run, in the order they were asked for: those of its first step that drew several times.

    Of strategies whose draws do not depend on each other: of a debate or a search the first few are nothing that a
    smaller one would have come to, and not all that was paid for.
    """
    return next(
        (list(step["draws"]) for step in line.get("steps", ()) if step.get("draws") and _are_exchangeable(step)), []
    )


def _are_exchangeable(step: Mapping[str, Any]) -> bool:
    kind = installed().get(strategy_of(step["block"]))
    return kind is not None and kind.exchangeable


async def scores_of_draws(
    task: Task, draws: Sequence[Mapping[str, Any]], sandbox: Sandbox | None
) -> list[float | None]:
    """The score of each draw's answer; one that abstained is wrong. Each distinct answer is graded once."""
    known: dict[str | None, float | None] = {None: 0.0}
    for draw in draws:
        answer = draw["candidate"]
        if answer not in known:
            try:
                known[answer] = await score_of(task, answer, sandbox)
            except UsageError as error:
                logging.getLogger(__name__).warning("a draw of task %r is not graded: %s", task.id, error)
                known[answer] = None
    return [known[draw["candidate"]] for draw in draws]


async def regrade_draws(results: ResultsFile, tasks: Iterable[Task], order: int, sandbox: Sandbox | None) -> None:
    """Grades the draws of results anew: what is right may have changed since."""
    changed: dict[str, dict[str, Any]] = {}
    for task in tasks:
        if results.holds(task, order) and (draws := draws_of(line := results.done[key(task.id, order)])):
            scores = await scores_of_draws(task, draws, sandbox)
            if scores != line.get(SCORES):
                changed[key(task.id, order)] = {SCORES: scores}
    results.amend(changed)
