"""StudyingNavigator: where a memory learns, what is new is studied, and what it knows its way about is routine."""

from __future__ import annotations

from agent.kit import Kit
from agent.state import State
from navigator.policy import Decision, Policy, for_task
from navigator.spaces import ActionMask, Observation

PROVEN = 0.6
"""Least posterior of a concept that has shown its worth: one that helped once and did no harm has 0.67."""


class StudyingNavigator:
    """Asks one policy where memory knows something that has shown its worth for the task, another one elsewhere.

    Memory keeps, and credits, what two routes reached. A policy that is trained to solve single tasks at little cost
    seldom takes the second: it is for routine, and what memory could learn from goes by one that does. What a task is
    does not depend on whether its hints are withheld, so that a holdout compares like with like.

    Args:
        routine: for tasks that memory has a proven concept for.
        study: for all others.
        name: for results.
    """

    def __init__(self, routine: Policy, study: Policy, name: str) -> None:
        self.name = name
        self.routine = routine
        self.study = study

    async def navigate(self, now: State, observation: Observation, mask: ActionMask, kit: Kit) -> Decision:
        """What the one policy or the other takes."""
        by = self.routine if is_routine(now) else self.study
        return for_task(by, now.task.id).decide(observation, mask)


def is_routine(now: State) -> bool:
    """Whether the memory had a proven concept for the task when the run began, shown to it or withheld."""
    recalled = now.trace.recalled
    return any(hint.posterior >= PROVEN for hint in (*recalled.hints, *recalled.withheld))
