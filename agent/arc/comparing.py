"""Runs over the same puzzles side by side: paired differences, and which puzzles one of them alone solves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pilotage.agent.arc.scoring import SplitScore
from pilotage.agent.errors import UsageError
from pilotage.common.statistics import holm, paired_difference, paired_p


@dataclass(frozen=True)
class Difference:
    """One run against the first one, over the puzzles of both.

    Attributes:
        run: its name.
        points: difference of the official scores, with its 95% interval over puzzles.
        p: of paired scores: McNemar's exact test, or sign flips where a puzzle is solved in part; adjusted by Holm for
            all runs that are compared.
        better: how many puzzles it scores higher on; `worse`: lower.
    """

    run: str
    points: tuple[float, float, float]
    p: float
    better: int
    worse: int


@dataclass(frozen=True)
class Compared:
    """Runs side by side.

    Attributes:
        scores: of each run, over the same puzzles.
        differences: of every run but the first, against the first.
        alone: the puzzles that one run alone solves, by its name.
        nobody: puzzles that none solves.
    """

    scores: Mapping[str, SplitScore]
    differences: Sequence[Difference]
    alone: Mapping[str, tuple[str, ...]]
    nobody: tuple[str, ...]


def differences(columns: Mapping[str, Sequence[float]]) -> list[Difference]:
    """Every column of scores of the same puzzles against the first one, by the names of runs."""
    first, *others = columns
    apart = {name: [a - b for a, b in zip(columns[name], columns[first], strict=True)] for name in others}
    adjusted = holm({name: paired_p(each) for name, each in apart.items()})
    return [
        Difference(
            name,
            paired_difference(columns[name], columns[first]),
            adjusted[name],
            sum(one > 0 for one in each),
            sum(one < 0 for one in each),
        )
        for name, each in apart.items()
    ]


def compared(scores: Mapping[str, SplitScore]) -> Compared:
    """The comparison of scores of the same puzzles.

    Raises:
        UsageError: there are fewer than two runs, or they are of other puzzles.
    """
    if len(scores) < 2:
        raise UsageError("one run alone has nothing to be compared with: name two")
    names = list(scores)
    ids = list(scores[names[0]].puzzles)
    for name in names[1:]:
        if set(scores[name].puzzles) != set(ids):
            raise UsageError(f"{names[0]} and {name} are runs over other puzzles: compare runs over one split")
    column = {name: [scores[name].puzzles[id].official for id in ids] for name in names}
    solved = {name: {id for id in ids if scores[name].puzzles[id].strict} for name in names}
    alone = {
        name: tuple(
            id for id in ids if id in solved[name] and not any(id in solved[one] for one in names if one != name)
        )
        for name in names
    }
    return Compared(
        scores, differences(column), alone, tuple(id for id in ids if not any(id in each for each in solved.values()))
    )
