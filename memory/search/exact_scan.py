"""VectorView: the nearest concepts to a vector. Its protocol, and the exact scan that needs no index.

The scan reads vectors from the ledger and compares all of them: 2 ms for 10,000 concepts. A process that
does not own the Chroma index uses it, so that it always sees every write, its own first.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pilotage.memory.embedders.embedder import EmbedderIdentity
from pilotage.memory.ledger.ledger import Ledger

_PAGE = 5000  # rows read at once


@dataclass(frozen=True)
class Neighbour:
    """A concept and its cosine similarity to the query, in [-1, 1]."""

    id: str
    similarity: float


class VectorView(Protocol):
    """A view of the ledger's vectors in one namespace, by one embedder. Safe to use from several threads."""

    def nearest(self, query: NDArray[np.float32], limit: int, last: int) -> list[Neighbour]:
        """The most similar active concepts, best first, as of event `last` or later."""
        ...

    def close(self) -> None:
        """Release files and locks."""
        ...


class VectorScan:
    """Brute force over vectors kept in memory, brought up to date with the ledger at each search.

    A write costs the search after it one row: the matrix has room to grow, and the last row fills a gap.
    """

    def __init__(self, ledger: Ledger, namespace: str, identity: EmbedderIdentity) -> None:
        self._ledger = ledger
        self._namespace = namespace
        self._embedder = identity.key
        self._lock = threading.Lock()
        self._seq = 0
        self._ids: list[str] = []
        self._row_of: dict[str, int] = {}
        self._matrix = np.empty((16, identity.dimensions), dtype=np.float32)

    def nearest(self, query: NDArray[np.float32], limit: int, last: int) -> list[Neighbour]:
        """The most similar active concepts, exactly."""
        with self._lock:
            if last > self._seq:
                self._catch_up()
            similar = self._matrix[: len(self._ids)] @ query
            best = np.arange(len(similar))
            if 0 < limit < len(similar):
                best = np.sort(np.argpartition(similar, -limit)[-limit:])
            best = best[np.argsort(-similar[best], kind="stable")][:limit]
            return [Neighbour(self._ids[row], float(similar[row])) for row in best]

    def close(self) -> None:
        """Nothing is held."""

    def _catch_up(self) -> None:
        with self._ledger.read() as connection:
            while rows := self._ledger.changes(connection, self._namespace, self._embedder, self._seq, _PAGE):
                for row in rows:
                    if row.active and row.vector is not None:
                        self._put(row.id, row.vector)
                    else:
                        self._remove(row.id)
                    self._seq = row.changed_seq

    def _put(self, id_: str, vector: bytes) -> None:
        row = self._row_of.setdefault(id_, len(self._ids))
        if row == len(self._ids):
            self._ids.append(id_)
            if row == len(self._matrix):
                self._matrix = np.concatenate((self._matrix, np.empty_like(self._matrix)))
        self._matrix[row] = np.frombuffer(vector, dtype="<f4")

    def _remove(self, id_: str) -> None:
        row = self._row_of.pop(id_, None)
        if row is None:
            return
        last = self._ids.pop()
        if last != id_:
            self._ids[row], self._row_of[last] = last, row
            self._matrix[row] = self._matrix[len(self._ids)]
