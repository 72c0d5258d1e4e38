"""Scorer: how good is each of several solutions? Implement it to ask somebody else."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from statistics import fmean
from typing import ClassVar

from pilotage.agent.errors import BadScores
from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.trace import Step

FLAT = 0.01
"""Scores that lie no further apart than this part of their range say nothing."""


class Scorer(ABC):
    """Scores solutions of one task; a higher score is a better solution.

    Attributes:
        name: what a strategy's `scorer` parameter calls it.
        lowest, highest: the range of its scores.
        needs_logprobs: whether it reads log-probabilities.
        calls: of the model, for each solution.
        whole: whether it says nothing of a solution before it is finished.
    """

    name: ClassVar[str]
    lowest: float = 0.0
    highest: float = 1.0
    needs_logprobs: bool = False
    calls: int = 0
    whole: bool = False

    @abstractmethod
    async def score(self, state: State, kit: Kit, steps: Sequence[Step]) -> Sequence[float | None]:
        """A score for each solution, within the range; None where it cannot say.

        Args:
            state: the run that the solutions are of.
            kit: pays for what is asked.
            steps: the solutions, each with its text and the answer that it came to; unfinished ones have none.
        """


async def scored(scorer: Scorer, state: State, kit: Kit, steps: Sequence[Step]) -> tuple[float | None, ...]:
    """Scores brought to 0 to 1; None for what abstained, which is not asked about, and where the scorer cannot say.

    Raises:
        BadScores: a score is no number within the scorer's own range, or there is not one for each solution.
    """
    asked = [place for place, step in enumerate(steps) if step.candidate is not None or step.prepares]
    given = list(await scorer.score(state, kit, [steps[place] for place in asked]))
    if len(given) != len(asked):
        raise BadScores(f"the scorer {scorer.name} gave {len(given)} scores for {len(asked)} solutions")
    brought: list[float | None] = [None] * len(steps)
    for place, score in zip(asked, given, strict=True):
        if score is not None:
            brought[place] = _brought(scorer, score)
    return tuple(brought)


def _brought(scorer: Scorer, score: float) -> float:
    if not (math.isfinite(score) and scorer.lowest <= score <= scorer.highest):
        raise BadScores(
            f"the scorer {scorer.name} gave the score {score}, which is not between {scorer.lowest:g} and "
            f"{scorer.highest:g}, the range that it names"
        )
    return (score - scorer.lowest) / (scorer.highest - scorer.lowest)


def known(steps: Sequence[Step], scores: Sequence[float | None]) -> tuple[float, ...]:
    """Scores of draws with none missing: one that is not known tells nothing, so it is the mean of those that are.

    0 for what abstained; where no score is known, every answer has 1.
    """
    told = [score for score in scores if score is not None]
    usual = fmean(told) if told else 1.0
    return tuple(
        0.0 if step.candidate is None and not step.prepares else usual if score is None else score
        for step, score in zip(steps, scores, strict=True)
    )


def flat(scores: Sequence[float | None]) -> bool:
    """Whether scores hardly differ, so that to choose by them is to choose by noise."""
    told = [score for score in scores if score is not None]
    return not told or max(told) - min(told) <= FLAT
