"""Finder: candidates for a query from both indexes, and the near twin of a new concept."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

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
# Of equal rank the nearer one comes first: an HNSW graph may miss a text unlike all others, which words then find.
_TIES = 4
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
        self._beside = ThreadPoolExecutor(thread_name_prefix="memory-search")
        self._bare = True

    def close(self) -> None:
        """Ends the threads."""
        self._beside.shutdown()

    def _is_bare(self) -> bool:
        """Whether there never was a concept, which no search needs the embedder for."""
        if self._bare:
            with self._ledger.read() as connection:
                self._bare = self._ledger.last_change(connection, self._namespace) == 0
        return self._bare

    def shortlist(self, text: str, limit: int) -> tuple[list[Hit], dict[str, NDArray[np.float32]]]:
        """The `limit` best by fused rank, best first, and their vectors by id."""
        if limit < 1 or self._is_bare():
            return [], {}
        wide = max(2 * limit, SHORTLIST)
        query = self._vectors.embed([text])[0]
        with self._ledger.read() as connection:
            last = self._vectors.standing(connection)
            # Side by side: Chroma and numpy work without the interpreter's lock.
            near = self._beside.submit(self._vectors.nearest, query, wide, last)
            words = self._words.search(connection, self._namespace, text, wide) if self._words else []
            scores = fuse([neighbour.id for neighbour in near.result()], words)
            best = sorted(scores, key=lambda id_: -scores[id_])[: limit + _TIES]
            rows = connection.execute(_CANDIDATES, {"ids": best, "embedder": self._vectors.identity.key}).all()
        stored = {row.id: np.frombuffer(row.data, dtype="<f4") for row in rows}
        found = [Concept.model_validate_json(row.body) for row in rows if row.status != "retired"]
        hits = [
            Hit(concept, float(np.clip(stored[concept.id] @ query, -1.0, 1.0)), scores[concept.id]) for concept in found
        ]
        return sorted(hits, key=lambda hit: (-hit.score, -hit.similarity))[:limit], stored

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
