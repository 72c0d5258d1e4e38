"""Finder: candidates for a query from both indexes, and the near twin of a new concept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, select

from memory.concept import Concept
from memory.duplicates import NEAR_DUPLICATE, says_the_same
from memory.embedding import Vectors
from memory.ledger import Ledger
from memory.lexical import KeywordIndex
from memory.recall import Hit, fuse
from memory.schema import concepts, vectors
from memory.vectors import VectorStore

SHORTLIST = 20
_NEAREST = 3
_PARAMETERS = 500  # of one statement
# Both indexes are of one namespace already. Asked for it again, SQLite would read all of it.
_CANDIDATES = (
    select(concepts.c.id, concepts.c.status, concepts.c.body, vectors.c.data)
    .join(vectors, vectors.c.concept_id == concepts.c.id)
    .where(concepts.c.id.in_(bindparam("ids", expanding=True)), vectors.c.embedder == bindparam("embedder"))
)


class Finder:
    """Searches one namespace by meaning and by words."""

    def __init__(self, ledger: Ledger, vectors: VectorStore, words: KeywordIndex | None, namespace: str) -> None:
        self._ledger = ledger
        self._vectors = vectors
        self._words = words
        self._namespace = namespace

    def shortlist(self, text: str, limit: int) -> tuple[list[Hit], dict[str, NDArray[np.float32]]]:
        """The `limit` best by fused rank, best first, and their vectors by id."""
        wide = max(2 * limit, SHORTLIST)
        query = self._vectors.embed([text])[0]
        dense = [neighbour.id for neighbour in self._vectors.nearest(query, wide)]
        with self._ledger.read() as connection:
            self._vectors.check(connection)
            words = self._words.search(connection, self._namespace, text, wide) if self._words else []
            scores = fuse(dense, words)
            best = sorted(scores, key=lambda id_: -scores[id_])[:limit]
            rows = connection.execute(_CANDIDATES, {"ids": best, "embedder": self._vectors.identity.key}).all()
        near = {row.id: np.frombuffer(row.data, dtype="<f4") for row in rows}
        found = [Concept.model_validate_json(row.body) for row in rows if row.status != "retired"]
        hits = [
            Hit(concept, float(np.clip(near[concept.id] @ query, -1.0, 1.0)), scores[concept.id]) for concept in found
        ]
        return sorted(hits, key=lambda hit: -hit.score), near

    def near_duplicates(self, new: Sequence[Concept], made: Vectors) -> list[str | None]:
        """For each new concept, with its vector, the id of a stored one that says the same, or None."""
        with self._ledger.read() as connection:
            if self._ledger.is_empty(connection, self._namespace):
                return [None] * len(new)
        close = [
            [neighbour for neighbour in found if neighbour.similarity >= NEAR_DUPLICATE]
            for found in self._vectors.nearest_to_each(made, _NEAREST)
        ]
        ids = sorted({neighbour.id for found in close for neighbour in found})
        stored: dict[str, Concept] = {}
        with self._ledger.read() as connection:
            for start in range(0, len(ids), _PARAMETERS):
                stored |= self._ledger.get(connection, self._namespace, ids[start : start + _PARAMETERS])
        return [
            next(
                (
                    neighbour.id
                    for neighbour in found
                    if neighbour.id in stored and says_the_same(concept, stored[neighbour.id], neighbour.similarity)
                ),
                None,
            )
            for concept, found in zip(new, close, strict=True)
        ]
