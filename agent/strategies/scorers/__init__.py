"""Scorers of solutions, by the name that a strategy's `scorer` parameter gives them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from pilotage.agent.strategies.scorers.asked import Judge, PCorrect
from pilotage.agent.strategies.scorers.base import Scorer, flat, known, scored
from pilotage.agent.strategies.scorers.free import Agreement, Executed, Logprob

SCORERS: dict[str, Scorer] = {
    scorer.name: scorer for scorer in (Logprob(), Agreement(), Executed(), Judge(), PCorrect())
}


def _known(name: str) -> str:
    if name not in SCORERS:
        raise ValueError(f"there is no scorer {name!r}; there are {', '.join(SCORERS)}")
    return name


ScorerName = Annotated[str, AfterValidator(_known)]
"""A strategy's parameter that names a scorer."""

__all__ = ["SCORERS", "Scorer", "ScorerName", "flat", "known", "scored"]
