"""ItemMatrix: the vectors of the items below one path, kept in memory from one search to the next.

Reading 20,000 vectors from SQL takes half a second, comparing them a few milliseconds. So they stay here, and a search
reads only what has changed since the last one, by whichever process: see `pilotage.memory.adapters.langgraph.items` on
versions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row

from pilotage.memory.adapters.langgraph.items import BEFORE_ALL, ItemTable, Path


class ItemMatrix:
    """Items in the order in which they were first put, each with any number of vectors. Not safe for threads."""

    def __init__(self, path: Path, dimensions: int) -> None:
        self._path = path
        self._dimensions = dimensions
        self._version = BEFORE_ALL
        self._clear()

    @property
    def size(self) -> int:
        """How many vectors there is room for."""
        return len(self._matrix)

    @property
    def lacking(self) -> list[int]:
        """Numbers of the items whose vectors are still to be made."""
        return sorted(self._lacking)

    def catch_up(self, connection: Connection, table: ItemTable, embedder: str) -> None:
        """Bring it to the snapshot that `connection` reads."""
        version = table.version(connection)
        if version == self._version:
            return
        self._put(table.changed(connection, self._path, embedder, self._version))
        if table.count(connection, self._path) != len(self._ids):
            # Something was deleted, which leaves no trace: what is left is read again.
            self._clear()
            self._put(table.changed(connection, self._path, embedder, self._version))
        self._version = version

    def give(self, made: Mapping[int, bytes]) -> None:
        """Vectors for items that lacked them, where they cannot be stored."""
        self._lacking -= made.keys()
        self._add_rows([(self._place[id_], data) for id_, data in made.items()])

    def ranked(self, query: NDArray[np.float32], alive_at: float | None) -> tuple[list[int], list[float | None]]:
        """Numbers of all living items and their cosines: nearest first, then those without a vector in their order."""
        owners = self._owners[: self._rows]
        similar = self._matrix[: self._rows] @ query
        # An item with several texts counts as its best one. The last place is that of rows whose item has others now.
        best = np.full(len(self._ids) + 1, -np.inf, dtype=np.float32)
        np.maximum.at(best, owners, similar)
        best = best[:-1]
        ids = np.array(self._ids, dtype=np.int64)
        living = np.array(self._expires, dtype=np.float64) > (-np.inf if alive_at is None else alive_at)
        seen = np.isfinite(best)
        scored = np.flatnonzero(living & seen)
        scored = scored[np.argsort(-best[scored], kind="stable")]
        scores: list[float | None] = np.clip(best[scored], -1.0, 1.0).tolist()
        others = ids[living & ~seen].tolist()
        return ids[scored].tolist() + others, scores + [None] * len(others)

    def _clear(self) -> None:
        self._version = BEFORE_ALL
        self._place: dict[int, int] = {}
        self._ids: list[int] = []
        self._expires: list[float] = []
        self._lacking: set[int] = set()
        self._rows = 0
        self._matrix = np.empty((16, self._dimensions), dtype=np.float32)
        self._owners = np.empty(16, dtype=np.int64)  # places, -1 for rows of no item

    def _put(self, rows: Sequence[Row[Any]]) -> None:
        self._drop_rows([self._place[row.id] for row in rows if row.id in self._place])
        for row in rows:
            place = self._place.setdefault(row.id, len(self._ids))
            expires = float("inf") if row.expires_at is None else row.expires_at
            if place == len(self._ids):
                self._ids.append(row.id)
                self._expires.append(expires)
            self._expires[place] = expires
            if row.fields is not None and row.data is None:
                self._lacking.add(row.id)
            else:
                self._lacking.discard(row.id)
        self._add_rows([(self._place[row.id], row.data) for row in rows if row.data])

    def _drop_rows(self, places: Sequence[int]) -> None:
        if places:
            owners = self._owners[: self._rows]
            owners[np.isin(owners, places)] = -1

    def _add_rows(self, added: Sequence[tuple[int, bytes]]) -> None:
        if not added:
            return
        size = 4 * self._dimensions
        counts = [len(data) // size for _, data in added]
        end = self._rows + sum(counts)
        if end > len(self._matrix):
            kept = np.flatnonzero(self._owners[: self._rows] >= 0)
            self._rows, end = len(kept), len(kept) + sum(counts)
            matrix = np.empty((2 * end, self._dimensions), dtype=np.float32)
            owners = np.empty(2 * end, dtype=np.int64)
            matrix[: self._rows], owners[: self._rows] = self._matrix[kept], self._owners[kept]
            self._matrix, self._owners = matrix, owners
        vectors = np.frombuffer(b"".join(data for _, data in added), dtype="<f4")
        self._matrix[self._rows : end] = vectors.reshape(-1, self._dimensions)
        self._owners[self._rows : end] = np.repeat([place for place, _ in added], counts)
        self._rows = end
