"""Refusals: tells a task that an endpoint will not answer from an endpoint that answers nothing."""

from __future__ import annotations

from agent.errors import ModelUnavailable, PilotageError

IN_A_ROW = 3
"""So many tasks refused one after another, and none solved between, are no matter of the tasks."""


class Refusals:
    """The tasks that an endpoint refused since it last answered one."""

    def __init__(self) -> None:
        self._in_a_row = 0

    def answered(self) -> None:
        """A task was solved."""
        self._in_a_row = 0

    def refused(self, error: PilotageError) -> None:
        """A task was not.

        Raises:
            ModelUnavailable: that was one too many, so that the next task would most likely meet the same.
        """
        self._in_a_row += 1
        if self._in_a_row >= IN_A_ROW:
            raise ModelUnavailable(f"{error} {self._in_a_row} tasks in a row met such a refusal.") from error
