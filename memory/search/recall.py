"""From ranked candidates to a few concepts: fuse, weigh by outcomes, diversify, or abstain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pilotage.memory.concept import Concept

_RRF_K = 60
RELATED = 5  # as many more are named, or shown to a writer who selects
_UNTRIED = 0.8  # the weight of a provisional concept beside a trusted one
_BESIDE = 0.8  # of the greatest similarity, which a concept needs to be shown beside the nearest
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
    """What memory has to say on a query: nothing, when `abstained`.

    Attributes:
        hits: the chosen concepts, most useful first.
        query: what was asked.
        abstained: whether nothing was near enough.
        related: near ones that were not chosen; they are shown by name only.
    """

    hits: tuple[Hit, ...]
    query: str
    abstained: bool
    related: tuple[Hit, ...] = ()

    @property
    def concepts(self) -> tuple[Concept, ...]:
        """The recalled concepts, most useful first."""
        return tuple(hit.concept for hit in self.hits)

    @property
    def ids(self) -> tuple[str, ...]:
        """Their ids."""
        return tuple(hit.concept.id for hit in self.hits)


def choose(
    query: str, hits: Sequence[Hit], vectors: Mapping[str, NDArray[np.float32]], limit: int, floor: float
) -> Recollection:
    """The concepts to show for a query, and those to name beside them; none where nothing is near.

    A definition of a type is no advice: it is shown only beside what refers to it. What is much farther than the
    nearest is only named: with a sketch of another kind beside the right one, the 1.5B model solved 8 of 12 trial tasks
    and not 11 (`benchmarks/hints.py`).
    """
    near = [weigh(hit) for hit in hits if hit.similarity >= floor and hit.concept.kind != "type"]
    best = max((hit.similarity for hit in near), default=0.0)
    chosen = diversify([hit for hit in near if hit.similarity >= _BESIDE * best], vectors, limit)
    shown = {hit.concept.id for hit in chosen}
    rest = sorted((hit for hit in near if hit.concept.id not in shown), key=lambda hit: -hit.score)
    return Recollection(tuple(chosen), query, abstained=not chosen, related=tuple(rest[:RELATED]))


def fuse(*rankings: Sequence[str]) -> dict[str, float]:
    """Reciprocal rank fusion (Cormack et al. 2009): ids to scores, 1 for an id that leads every ranking."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, id_ in enumerate(ranking, start=1):
            scores[id_] = scores.get(id_, 0.0) + 1 / (_RRF_K + rank)
    best = len(rankings) / (_RRF_K + 1)
    return {id_: score / best for id_, score in scores.items()}


def weigh(hit: Hit) -> Hit:
    """The hit with its score times what outcomes say: 1 when nothing is known, up to 1.5, down to 0.5.

    What no evidence supports yet stands back behind an equal that was tried.
    """
    trust = _UNTRIED if hit.concept.status == "provisional" else 1.0
    return Hit(hit.concept, hit.similarity, hit.score * trust * (0.5 + hit.concept.outcomes.posterior))


def diversify(hits: Sequence[Hit], vectors: Mapping[str, NDArray[np.float32]], limit: int) -> list[Hit]:
    """Maximal marginal relevance (Carbonell & Goldstein 1998), by unit vectors: hits that do not repeat each other."""
    if not hits:
        return []
    best_first = sorted(hits, key=lambda hit: -hit.score)
    rows = np.stack([vectors[hit.concept.id] for hit in best_first])
    alike = rows @ rows.T
    relevance = _RELEVANCE * np.array([hit.score for hit in best_first])
    picked: list[int] = []
    while len(picked) < min(limit, len(hits)):
        value = relevance - (1 - _RELEVANCE) * alike[:, picked].max(axis=1) if picked else relevance.copy()
        value[picked] = -np.inf
        picked.append(int(value.argmax()))
    return [best_first[index] for index in picked]
