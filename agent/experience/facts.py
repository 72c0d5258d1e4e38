"""Facts: what follows from the records of earlier runs, as arrays, worked out once for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from pilotage.agent.experience.attempts import Attempts
from pilotage.agent.experience.records import Record
from pilotage.navigator.experience.estimates import Float64s

Row = tuple[int, int, float, float]
"""Situation, action, score, thousands of tokens."""


class Facts(NamedTuple):
    """What a run tells of studying.

    Attributes:
        studied: whether it went on when it had an answer.
        corrected: whether that corrected the first one.
        settled: whether it is known of the first answer whether it was right.
        score: whether it was, or how likely; NaN where nothing says.
        hinted: whether it was shown concepts.
        studying: thousands of tokens that exploring took.
        hinting: those of them for hints.
        cost: all that it took.
    """

    studied: bool
    corrected: bool
    settled: bool
    score: float
    hinted: bool
    studying: float
    hinting: float
    cost: float

    @classmethod
    def of(cls, run: Attempts) -> Self:
        """Those of one run."""
        score = float("nan") if run.first_score is None else run.first_score
        settled = run.first_right is not None
        spent = (run.studying, run.hinting, run.cost)
        return cls(run.is_studied, run.corrected, settled, score, run.hinted, *spent)


class Runs:
    """The facts of n runs, each as an array of shape (n,)."""

    def __init__(self, runs: Sequence[Known]) -> None:
        table = np.array([one.facts for one in runs], dtype=float).reshape(-1, len(Facts._fields))
        self.studied, self.corrected, self.settled = (table[:, place] > 0 for place in range(3))
        self.score, self.hinted = table[:, 3], table[:, 4] > 0
        self.studying, self.hinting, self.cost = table[:, 5:].T


class Spent(NamedTuple):
    """Thousands of tokens: of all runs, of these for studying, and of these for hints without proven worth."""

    cost: float
    studying: float
    hinting: float


@dataclass(frozen=True)
class Near:
    """Earlier runs as they bear on one task.

    Attributes:
        weights: how near each is, 0 to 1, shape (n,); runs of one task share its weight.
        runs: what they tell.
    """

    weights: Float64s
    runs: Runs


@dataclass(frozen=True)
class Known:
    """A record as it is read, with what follows from it, so that nothing is worked out twice."""

    record: Record
    rows: tuple[Row, ...]
    facts: Facts

    @classmethod
    def of(cls, record: Record, situations: Mapping[str, int], actions: Mapping[str, int]) -> Self:
        """By the places of the situations and the actions that are told of."""
        tried = record.attempts
        rows = tuple(
            (situations[situation], actions[block], score, cost)
            for situation, block, score, cost in tried.outcomes()
            if situation in situations and block in actions
        )
        return cls(record, rows, Facts.of(tried))


def shares(marks: Sequence[str]) -> Float64s:
    """What each run counts of its task, (n,): one divided by the number of its runs."""
    times = Counter(marks)
    return np.array([1 / times[mark] for mark in marks], dtype=float)
