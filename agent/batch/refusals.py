"""Refusals: tells a task, or a step, that an endpoint will not answer from an endpoint that answers nothing."""

from __future__ import annotations

from pilotage.agent.errors import ModelUnavailable, PilotageError

IN_A_ROW = 3
"""So many refused one after another, and none answered between, are no matter of what was asked."""


class Refusals:
    """What an endpoint refused since it last answered.

    Args:
        what: what it is asked for, for people.
    """

    def __init__(self, what: str = "tasks") -> None:
        self._what = what
        self._in_a_row = 0

    def answered(self) -> None:
        """One was answered."""
        self._in_a_row = 0

    def refused(self, error: PilotageError) -> None:
        """One was not.

        Raises:
            ModelUnavailable: that was one too many, so that the next would most likely meet the same.
        """
        self._in_a_row += 1
        if self._in_a_row >= IN_A_ROW:
            raise ModelUnavailable(f"{error} {self._in_a_row} {self._what} in a row met such a refusal.") from error
