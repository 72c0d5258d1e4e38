"""Graders of others: a plain function (task, answer) -> score, or a class with such a method `grade`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from inspect import isawaitable, iscoroutinefunction
from numbers import Real
from typing import Any

from pilotage.agent.errors import TaskError
from pilotage.agent.task import Task
from pilotage.agent.tasks.grading import WRONG, Grade
from pilotage.common.plugins import accepts, described


@dataclass(frozen=True)
class OwnGrader:
    """Grades by somebody's function, synchronous (in a thread, so that it holds up nobody) or not.

    Attributes:
        what: begins each sentence about it.
        function: from a task and an answer to a `Grade`, or a score in [0, 1].
    """

    what: str
    function: Callable[[Task, str], Any]

    async def grade(self, task: Task, answer: str | None) -> Grade:
        """What the function says; no answer is a miss, of which it is not asked.

        Raises:
            TaskError: it gave neither a grade nor a score.
        """
        if answer is None:
            return WRONG
        if iscoroutinefunction(self.function):
            given = await self.function(task, answer)
        else:
            given = await asyncio.to_thread(self.function, task, answer)
            given = await given if isawaitable(given) else given
        if isinstance(given, Grade):
            return given
        if isinstance(given, Real) and 0.0 <= float(given) <= 1.0:
            return Grade(float(given))
        raise TaskError(f"{self.what} gave {described(given)}: it has to return a score in [0, 1], or a Grade")


def as_grader(given: object, what: str) -> OwnGrader:
    """A grader from what somebody wrote; `what` begins each sentence about it.

    Raises:
        TaskError: it is none, or a class that wants arguments.
    """
    made = given
    if isinstance(given, type):
        try:
            made = given()
        except Exception as error:  # a class of somebody else may raise anything
            why = f"{type(error).__name__}: {error}"
            raise TaskError(f"{what} is a class that cannot be made without arguments ({why})") from error
    function: Any = getattr(made, "grade", made)
    if not accepts(function, "task", "answer"):
        raise TaskError(
            f"{what} is {described(made)}, which grades nothing: write a function `(task, answer)` that returns a "
            "score in [0, 1], or a class with such a method `grade`"
        )
    return OwnGrader(what, function)
