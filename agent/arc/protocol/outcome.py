"""Outcome: what the arms of a protocol come to, after the first pass and after each retry, means over repeats.

A puzzle is the unit: its scores of all repeats are averaged before, since repeats of one puzzle are no new evidence
about puzzles, and arms are compared puzzle by puzzle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pilotage.agent.arc.comparing import Difference, differences
from pilotage.agent.arc.runs import RunResults
from pilotage.agent.arc.scoring import Share, score_split, share_of
from pilotage.agent.arc.splits import Split
from pilotage.agent.trace import Usage, total
from pilotage.navigator.evaluation.bootstrap import Resampler


@dataclass(frozen=True)
class After:
    """An arm after some retries.

    Attributes:
        retries: how many, 0 for the first pass alone.
        official: mean over puzzles of the share of their tests that are solved, means over repeats.
        strict: share of puzzles with all tests solved, likewise.
        by_puzzle: `official` of each puzzle, in the order of the split.
        usage: of all repeats together.
    """

    retries: int
    official: Share
    strict: Share
    by_puzzle: tuple[float, ...]
    usage: Usage


@dataclass(frozen=True)
class Outcome:
    """What a protocol comes to.

    Attributes:
        puzzles: how many there are.
        repeats: how many runs an arm has.
        arms: of each arm the first pass and what each retry adds to it.
        differences: after each number of retries, every other arm against the first one; empty for one arm.
    """

    puzzles: int
    repeats: int
    arms: Mapping[str, Sequence[After]]
    differences: Sequence[Sequence[Difference]]

    def to_json(self) -> dict[str, Any]:
        """As commands print it; sums of usage are over all repeats."""
        return {
            "puzzles": self.puzzles,
            "repeats": self.repeats,
            "arms": [{"name": name, "after": list(map(_after_json, after))} for name, after in self.arms.items()],
            "differences": [
                {"retries": retries, **vars(one), "points": list(one.points)}
                for retries, found in enumerate(self.differences)
                for one in found
            ],
        }


def outcome(split: Split, runs: Mapping[str, Sequence[Path]], retries: int) -> Outcome:
    """The outcome of the runs of each arm, by its name.

    Raises:
        UsageError: outputs of a puzzle are not known, or a folder holds no run.
    """
    resampler = Resampler(len(split.puzzles))
    arms = {
        name: [_after(split, folders, passes, resampler) for passes in range(retries + 1)]
        for name, folders in runs.items()
    }
    compared = [
        differences({name: after[passes].by_puzzle for name, after in arms.items()}) for passes in range(retries + 1)
    ]
    return Outcome(len(split.puzzles), len(next(iter(runs.values()))), arms, compared)


def _after(split: Split, folders: Sequence[Path], retries: int, resampler: Resampler) -> After:
    results = [RunResults(folder, before=retries + 1) for folder in folders]
    scores = [list(score_split(split, one.answers(split)).puzzles.values()) for one in results]
    by_puzzle = list(zip(*scores, strict=True))
    official = tuple(sum(one.official for one in each) / len(each) for each in by_puzzle)
    strict = [sum(one.strict for one in each) / len(each) for each in by_puzzle]
    usage = total(one.usage for one in results)
    return After(retries, share_of(official, resampler), share_of(strict, resampler), official, usage)


def _after_json(after: After) -> dict[str, Any]:
    usage = after.usage
    return {
        "retries": after.retries,
        **{
            name: {"value": share.value, "interval": list(share.interval)}
            for name, share in (("official", after.official), ("strict", after.strict))
        },
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "calls": usage.llm_calls,
        "estimated_calls": usage.estimated_calls,
        "cost_usd": usage.cost,
    }
