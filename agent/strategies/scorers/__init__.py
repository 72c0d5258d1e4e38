"""Scorers of solutions, by the name that a strategy's `scorer` parameter gives them."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from pilotage.agent.models.reward import KEY
from pilotage.agent.strategies.base import REMOTE
from pilotage.agent.strategies.scorers.asked import Judge, PCorrect
from pilotage.agent.strategies.scorers.base import Scorer, flat, known, scored
from pilotage.agent.strategies.scorers.free import Agreement, Executed, Logprob
from pilotage.agent.strategies.scorers.remote import Remote

SCORERS: dict[str, Scorer] = {
    scorer.name: scorer for scorer in (Logprob(), Agreement(), Executed(), Judge(), PCorrect())
}


def scorer_named(name: str) -> Scorer:
    """The scorer of a name, or the reward model at `remote:URL`.

    Raises:
        ValueError: there is none of that name, or the address is none.
    """
    if name.startswith(REMOTE):
        if "@" in urlsplit(name.removeprefix(REMOTE)).netloc:
            raise ValueError(f"its address holds credentials: put a bearer token into {KEY}")
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
