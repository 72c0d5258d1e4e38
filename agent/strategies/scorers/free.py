"""Scorers that ask nobody: log-probabilities, agreement, and what running a program showed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pilotage.agent.answers import normal_form
from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.strategies.scorers.base import Scorer
from pilotage.agent.trace import Step


class Logprob(Scorer):
    """Geometric mean of the probabilities of a solution's tokens, 0 to 1. The free sign that small models give."""

    name = "logprob"
    needs_logprobs = True

    async def score(self, state: State, kit: Kit, steps: Sequence[Step]) -> Sequence[float | None]:
        return [None if step.mean_logprob is None else min(1.0, math.exp(step.mean_logprob)) for step in steps]


class Agreement(Scorer):
    """Share of the solutions that came to the same answer, compared by the task's normal form."""

    name = "agreement"
    whole = True

    async def score(self, state: State, kit: Kit, steps: Sequence[Step]) -> Sequence[float | None]:
        kind, choices = state.task.kind, state.task.choices
        forms = [None if step.candidate is None else normal_form(kind, step.candidate, choices) for step in steps]
        answered = sum(form is not None for form in forms)
        return [None if form is None else forms.count(form) / answered for form in forms]


class Executed(Scorer):
    """What running a solution showed: its share of the task's worked examples, else 1 where a program ran, else 0.

    An unfinished path has shown nothing yet.
    """

    name = "executed"
    whole = True

    async def score(self, state: State, kit: Kit, steps: Sequence[Step]) -> Sequence[float | None]:
        return [None if step.prepares else _shown(step) for step in steps]


def _shown(step: Step) -> float:
    passed = step.evidence.examples_passed
    return passed if passed is not None else float(step.evidence.program == "ok")
