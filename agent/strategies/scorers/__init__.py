"""Scorers of solutions, by the name that a strategy's `scorer` parameter gives them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from pilotage.agent.strategies.scorers.asked import Judge, PCorrect
from pilotage.agent.strategies.scorers.base import Scorer, flat, known, scored
from pilotage.agent.strategies.scorers.free import Agreement, Executed, Logprob
from pilotage.agent.strategies.scorers.remote import REMOTE, Remote

SCORERS: dict[str, Scorer] = {
    scorer.name: scorer for scorer in (Logprob(), Agreement(), Executed(), Judge(), PCorrect())
}


def scorer_named(name: str) -> Scorer:
    """The scorer of a name, or the reward model at `remote:URL`.

    Raises:
        ValueError: there is none of that name, or the address is none.
    """
    if name.startswith(REMOTE):
        return Remote(name.removeprefix(REMOTE))
    if name not in SCORERS:
        raise ValueError(f"there is no scorer {name!r}; there are {', '.join(SCORERS)} and {REMOTE}URL")
    return SCORERS[name]


def _known(name: str) -> str:
    scorer_named(name)
    return name


ScorerName = Annotated[str, AfterValidator(_known)]
"""A strategy's parameter that names a scorer."""

__all__ = ["SCORERS", "Scorer", "ScorerName", "flat", "known", "scored", "scorer_named"]
