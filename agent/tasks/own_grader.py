"""Graders of others: a plain function (task, answer) -> score, or a class with such a method `grade`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from inspect import isawaitable, iscoroutinefunction
from numbers import Real
from threading import Thread
from typing import Any

from pilotage.agent.errors import TaskError
from pilotage.agent.task import Task
from pilotage.agent.tasks.grading import WRONG, Grade
from pilotage.common.plugins import accepts, described


@dataclass(frozen=True)
class OwnGrader:
    """Grades by somebody's function, synchronous (in a thread, so that it holds up nobody) or not.

    A synchronous one that never comes back keeps neither Ctrl-C nor the end of the process waiting.

    Attributes:
        what: begins each sentence about it.
        function: from a task and an answer to a `Grade`, or a score in [0, 1].
    """

    what: str
    function: Callable[[Task, str], Any]

    async def grade(self, task: Task, answer: str | None) -> Grade:
        """What the function says; no answer is a miss, of which it is not asked.

        Raises:
            TaskError: it gave neither a grade nor a score, or wanted to end the process.
        """
        if answer is None:
            return WRONG
        try:
            if iscoroutinefunction(self.function):
                given = await self.function(task, answer)
            else:
                given = await _in_daemon_thread(partial(self.function, task, answer))
                given = await given if isawaitable(given) else given
        except SystemExit as error:
            raise TaskError(f"{self.what} wanted to end the process ({error!r}), which is no grade") from error
        if isinstance(given, Grade):
            return given
        if isinstance(given, Real) and 0.0 <= float(given) <= 1.0:
            return Grade(float(given))
        raise TaskError(f"{self.what} gave {described(given)}: it has to return a score in [0, 1], or a Grade")


async def _in_daemon_thread(work: Callable[[], Any]) -> Any:
    """What some work gives, or raises. Threads of asyncio's own pool would be waited for at the end."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

    def tell(given: Any, error: BaseException | None) -> None:
        if not ended.done():
            ended.set_result((given, error))

    def run() -> None:
        given, raised = None, None
        try:
            given = context.run(work)
        except BaseException as error:  # of whatever kind: it is raised where it is waited for
            raised = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(tell, given, raised)

    context = copy_context()
    Thread(target=run, name="grader", daemon=True).start()
    given, raised = await ended
    if raised is not None:
        raise raised
    return given


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
