"""Finder: candidates for a query from both indexes, and the near twin of a new concept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from memory.concept import Concept
from memory.duplicates import says_the_same
from memory.ledger import Ledger
from memory.lexical import KeywordIndex
from memory.recall import Hit, fuse
from memory.vectors import VectorStore

SHORTLIST = 20


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
            found = self._ledger.get(connection, self._namespace, best)
            stored = self._ledger.vectors(connection, self._vectors.identity.key, best)
        vectors = {id_: np.frombuffer(data, dtype="<f4") for id_, data in stored.items()}
        hits = [
            Hit(concept, float(np.clip(vectors[id_] @ query, -1.0, 1.0)), scores[id_])
            for id_, concept in found.items()
            if concept.status != "retired" and id_ in vectors
        ]
        return sorted(hits, key=lambda hit: -hit.score), vectors

    def near_duplicate(self, concept: Concept, vector: NDArray[np.float32]) -> str | None:
        """Id of a stored concept that says the same, if there is one."""
        near = {neighbour.id: neighbour.similarity for neighbour in self._vectors.nearest(vector, 3)}
        with self._ledger.read() as connection:
            found = self._ledger.get(connection, self._namespace, list(near))
        for id_, similarity in near.items():
            if id_ in found and says_the_same(concept, found[id_], similarity):
                return id_
        return None
