"""From ranked candidates to a few concepts: fuse, weigh by outcomes, diversify, or abstain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memory.concept import Concept

_RRF_K = 60
_RELEVANCE = 0.7  # of a pick's value; the rest is how little it repeats the earlier picks


@dataclass(frozen=True)
class Hit:
    """A concept found by a search.

    Attributes:
        concept: the concept.
        similarity: cosine between query and concept, in [-1, 1].
        score: fused rank, weighed by outcomes where recall did that; comparable within one result only.
    """

    concept: Concept
    similarity: float
    score: float


@dataclass(frozen=True)
class Recollection:
    """What memory has to say on a query: nothing, when `abstained`."""

    hits: tuple[Hit, ...]
    query: str
    abstained: bool

    @property
    def concepts(self) -> tuple[Concept, ...]:
        """The recalled concepts, most useful first."""
        return tuple(hit.concept for hit in self.hits)

    @property
    def ids(self) -> tuple[str, ...]:
        """Their ids."""
        return tuple(hit.concept.id for hit in self.hits)


def fuse(*rankings: Sequence[str]) -> dict[str, float]:
    """Reciprocal rank fusion (Cormack et al. 2009): ids to scores, 1 for an id that leads every ranking."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for place, id_ in enumerate(ranking):
            scores[id_] = scores.get(id_, 0.0) + 1 / (_RRF_K + 1 + place)
    best = len(rankings) / (_RRF_K + 1)
    return {id_: score / best for id_, score in scores.items()}


def weigh(hit: Hit) -> Hit:
    """The hit with its score times what outcomes say: 1 when nothing is known, up to 1.5, down to 0.5."""
    return Hit(hit.concept, hit.similarity, hit.score * (0.5 + hit.concept.outcomes.posterior))


def diversify(hits: Sequence[Hit], vectors: Mapping[str, NDArray[np.float32]], limit: int) -> list[Hit]:
    """Maximal marginal relevance (Carbonell & Goldstein 1998): good hits that do not repeat each other.

    Args:
        hits: candidates.
        vectors: unit vector of every candidate's concept.
        limit: how many to pick at most.
    """
    left = sorted(hits, key=lambda hit: -hit.score)
    picked: list[Hit] = []

    def value(hit: Hit) -> float:
        repeats = (float(vectors[hit.concept.id] @ vectors[other.concept.id]) for other in picked)
        return _RELEVANCE * hit.score - (1 - _RELEVANCE) * max(repeats, default=0.0)

    while left and len(picked) < limit:
        best = max(left, key=value)
        left.remove(best)
        picked.append(best)
    return picked
