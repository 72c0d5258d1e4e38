"""The official score of ARC, and what stands beside it.

Official is the mean over all puzzles of a split of the share of their tests that one of two attempts solves, cell by
cell: a puzzle that was not worked on counts zero, and so does one that could not be read. The public harness divides by
the puzzles that were handed in (arcprize/arc-agi-benchmarking, scoring.py), which is the same where all were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pilotage.agent.arc.attempts import MOST, Answers, Attempts
from pilotage.agent.arc.puzzle import Outputs
from pilotage.agent.arc.splits import Split
from pilotage.agent.errors import UsageError
from pilotage.common.statistics import wilson
from pilotage.navigator.evaluation.bootstrap import Interval, Resampler


@dataclass(frozen=True)
class PuzzleScore:
    """How one puzzle went.

    Attributes:
        solved: of each test, whether one of two attempts is right.
        first: of each test, whether the first attempt is.
        is_there: whether it was worked on at all.
    """

    solved: tuple[bool, ...]
    first: tuple[bool, ...]
    is_there: bool

    @property
    def official(self) -> float:
        """Share of its tests that are solved."""
        return sum(self.solved) / len(self.solved)

    @property
    def strict(self) -> bool:
        """Whether all of them are."""
        return all(self.solved)


class Share(NamedTuple):
    """A share of 1, and its 95% interval over puzzles."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class SplitScore:
    """How a split went.

    Attributes:
        puzzles: by id, in the order of the split.
        official: mean share of solved tests.
        strict: share of puzzles with all tests solved.
        first: as `official`, of first attempts alone.
        tests: tests in all, and how many of them are solved.
        missing: puzzles that were not worked on; they count zero.
        beyond: ids that were answered and are not of the split; they count nothing.
        unread: puzzles of the split that could not be read; they count zero.
    """

    puzzles: Mapping[str, PuzzleScore]
    official: Share
    strict: Share
    first: Share
    tests: tuple[int, int]
    missing: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()
    unread: int = 0

    def to_json(self) -> dict[str, Any]:
        """As commands print it."""
        shares = {"official": self.official, "strict": self.strict, "first_attempt": self.first}
        return {
            **{name: {"value": share.value, "interval": list(share.interval)} for name, share in shares.items()},
            "tests": {"all": self.tests[0], "solved": self.tests[1]},
            "missing": list(self.missing),
            "beyond": list(self.beyond),
            "unread": self.unread,
            "scores": {id: one.official for id, one in self.puzzles.items()},
        }


def score_puzzle(outputs: Outputs, attempts: Attempts | None) -> PuzzleScore:
    """The score of attempts at a puzzle, None for none.

    A third attempt counts nothing, and neither do attempts at a test that it has not.
    """
    tried = attempts or ()
    padded = [*tried[: len(outputs)], *[()] * (len(outputs) - len(tried))]
    solved = tuple(output in grids[:MOST] for output, grids in zip(outputs, padded, strict=True))
    first = tuple(output in grids[:1] for output, grids in zip(outputs, padded, strict=True))
    return PuzzleScore(solved, first, attempts is not None)


def score_split(split: Split, answers: Answers) -> SplitScore:
    """The score of answers over all puzzles of a split.

    Raises:
        UsageError: the outputs of a puzzle are not known.
    """
    if unknown := [puzzle.id for puzzle in split.puzzles if puzzle.id not in split.outputs]:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise UsageError(
            f"{split.name} holds no outputs of {unknown[0]}{more}, so it cannot be scored: give its solutions as "
            "`;solutions=FILE`"
        )
    scores = {puzzle.id: score_puzzle(split.outputs[puzzle.id], answers.get(puzzle.id)) for puzzle in split.puzzles}
    unread = [0.0] * len(split.defects)
    resampler = Resampler(len(scores) + len(unread))

    def share(measure: Callable[[PuzzleScore], float]) -> Share:
        return share_of([*map(measure, scores.values()), *unread], resampler)

    return SplitScore(
        puzzles=scores,
        official=share(lambda one: one.official),
        strict=share(lambda one: one.strict),
        first=share(lambda one: sum(one.first) / len(one.first)),
        tests=(sum(len(one.solved) for one in scores.values()), sum(sum(one.solved) for one in scores.values())),
        missing=tuple(id for id, one in scores.items() if not one.is_there),
        beyond=tuple(id for id in answers if id not in scores),
        unread=len(unread),
    )


def share_of(values: Sequence[float], resampler: Resampler) -> Share:
    """The mean of scores, one for each puzzle, with its interval."""
    column = np.array(values, dtype=float)
    mean = float(column.mean())
    if np.all(column == column[0]):  # nothing varies, which is no certainty
        return Share(mean, wilson(mean * len(column), len(column)))
    return Share(mean, resampler.mean(column))
