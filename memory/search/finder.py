"""Finder: candidates for a query from both indexes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, select

from pilotage.common.text import carriable
from pilotage.memory.concept import Concept
from pilotage.memory.ledger.bounds import parts
from pilotage.memory.ledger.schema import concepts, vectors
from pilotage.memory.search.recall import Hit, fuse

if TYPE_CHECKING:
    from pilotage.memory.namespace import Namespace

SHORTLIST = 20
_MANY = 1000
# Of equal rank the nearer one comes first: an HNSW graph may miss a text unlike all others, which words then find.
_TIES = 4
# Both indexes are of one namespace already. Asked for it again, SQLite would read all of it.
_CANDIDATES = (
    select(concepts.c.id, concepts.c.status, concepts.c.body, vectors.c.data)
    .join(vectors, vectors.c.concept_id == concepts.c.id)
    .where(concepts.c.id.in_(bindparam("ids", expanding=True)), vectors.c.embedder == bindparam("embedder"))
)


class Finder:
    """Searches one namespace by meaning and by words."""

    def __init__(self, space: Namespace) -> None:
        self._space = space
        self._beside = ThreadPoolExecutor(thread_name_prefix="memory-search")
        self._bare = True

    def close(self) -> None:
        """Ends the threads."""
        self._beside.shutdown()

    def _is_bare(self) -> bool:
        """Whether there never was a concept, which no search needs the embedder for."""
        if self._bare:
            with self._space.ledger.read() as connection:
                self._bare = self._space.ledger.last_change(connection, self._space.name) == 0
        return self._bare

    def shortlist(self, text: str, limit: int) -> tuple[list[Hit], dict[str, NDArray[np.float32]]]:
        """The `limit` best by fused rank, best first, and their vectors by id."""
        if limit < 1 or self._is_bare():
            return [], {}
        text = carriable(text)
        if limit > _MANY:  # an index is asked for no more than there is
            with self._space.ledger.read() as connection:
                limit = min(limit, max(self._space.ledger.count(connection, self._space.name), _MANY))
        wide = max(2 * limit, SHORTLIST)
        query = self._space.vectors.embed_query(text)
        with self._space.ledger.read() as connection:
            last = self._space.vectors.index_version(connection)
            # Side by side: Chroma and numpy work without the interpreter's lock.
            near = self._beside.submit(self._space.vectors.nearest, query, wide, last)
            words = self._space.keywords.search(connection, self._space.name, text, wide)
            scores = fuse([neighbour.id for neighbour in near.result()], words)
            best = sorted(scores, key=lambda id_: -scores[id_])[: limit + _TIES]
            key = self._space.vectors.identity.key
            rows = [
                row
                for part in parts(best)
                for row in connection.execute(_CANDIDATES, {"ids": part, "embedder": key})
                if row.status != "retired"
            ]
        if not rows:
            return [], {}
        stored = np.frombuffer(b"".join(row.data for row in rows), dtype="<f4").reshape(len(rows), -1)
        similar = np.clip(stored @ query, -1.0, 1.0).tolist()
        ranked = sorted(zip(rows, similar, strict=True), key=lambda pair: (-scores[pair[0].id], -pair[1]))
        hits = [Hit(Concept.stored(row.body), similarity, scores[row.id]) for row, similarity in ranked[:limit]]
        return hits, {row.id: vector for row, vector in zip(rows, stored, strict=True)}
