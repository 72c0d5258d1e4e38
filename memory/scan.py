"""VectorView: the nearest concepts to a vector. Its protocol, and the exact scan that needs no index.

The scan reads vectors from the ledger and compares all of them: 2 ms for 10,000 concepts. A process that does
not own the Chroma index uses it, so that it always sees every write, its own first.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from memory.ledger import Ledger


@dataclass(frozen=True)
class Neighbour:
    """A concept and its cosine similarity to the query, in [-1, 1]."""

    id: str
    similarity: float


class VectorView(Protocol):
    """A view of the ledger's vectors in one namespace, by one embedder. Safe to use from several threads."""

    def nearest(self, vector: NDArray[np.float32], limit: int) -> list[Neighbour]:
        """The `limit` most similar active concepts, best first, as of the ledger's last commit."""
        ...

    def close(self) -> None:
        """Release files and locks."""
        ...


class VectorScan:
    """Brute force over vectors kept in memory, brought up to date with the ledger at each search."""

    def __init__(self, ledger: Ledger, namespace: str, embedder: str) -> None:
        self._ledger = ledger
        self._namespace = namespace
        self._embedder = embedder
        self._lock = threading.Lock()
        self._seq = 0
        self._vectors: dict[str, NDArray[np.float32]] = {}
        self._ids: list[str] = []
        self._matrix = np.empty((0, 0), dtype=np.float32)

    def nearest(self, vector: NDArray[np.float32], limit: int) -> list[Neighbour]:
        """The most similar active concepts, exactly."""
        with self._lock:
            self._catch_up()
            ids, matrix = self._ids, self._matrix
        if not ids:
            return []
        similarities = matrix @ vector
        best = np.argsort(-similarities, kind="stable")[:limit]
        return [Neighbour(ids[place], float(similarities[place])) for place in best]

    def close(self) -> None:
        """Nothing is held."""

    def _catch_up(self) -> None:
        with self._ledger.read() as connection:
            if self._ledger.last_change(connection, self._namespace) <= self._seq:
                return
            changes = self._ledger.changes(connection, self._namespace, self._embedder, self._seq)
        for row in changes:
            self._seq = row.changed_seq
            if row.active and row.vector is not None:
                self._vectors[row.id] = np.frombuffer(row.vector, dtype="<f4")
            else:
                self._vectors.pop(row.id, None)
        self._ids = list(self._vectors)
        self._matrix = np.stack(list(self._vectors.values())) if self._ids else self._matrix[:0]
