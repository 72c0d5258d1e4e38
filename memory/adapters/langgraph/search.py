"""ItemSearch: items by meaning. Exact: the query is compared with every text of every item below the path.

Reading 20,000 vectors from SQL takes half a second, comparing them a few milliseconds. So they stay in memory from one
search to the next, which reads only what has changed since, by whichever process: see
`pilotage.memory.adapters.langgraph.items` on versions.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row

from pilotage.memory.adapters.langgraph.filter import passes
from pilotage.memory.adapters.langgraph.items import BEFORE_ALL, ItemDraft, ItemTable, Path, Writes
from pilotage.memory.errors import EmbedderError, LedgerReadOnly
from pilotage.memory.ledger.ledger import Ledger
from pilotage.memory.search.vectors import VectorStore

_BATCH = 256
_MOST_VECTORS = 200_000  # kept in memory over all paths, 300 MB at 384 dimensions; one path alone may have more


class ItemSearch:
    """Embeds the items of one tenant and ranks them; without an embedder it ranks nothing."""

    def __init__(self, ledger: Ledger, vectors: VectorStore, table: ItemTable) -> None:
        self._ledger = ledger
        self._vectors = vectors
        self._table = table
        self._lock = threading.Lock()
        self._matrices: dict[tuple[str, Path], ItemMatrix] = {}

    @property
    def embedder(self) -> str | None:
        """Key of the embedder, None when the store was opened without one."""
        try:
            return self._vectors.identity.key
        except EmbedderError:
            return None

    def embed(self, drafts: Iterable[ItemDraft]) -> list[bytes | None]:
        """The vectors of each draft, one after the other; None for one that no search sees."""
        texts = [_texts(draft.value, draft.fields) if draft.fields is not None else None for draft in drafts]
        if self.embedder is None:
            return [None] * len(texts)
        return self._embed(texts)

    def try_embedder(self) -> None:
        """Embeds a word that no embedder refuses: what is raised is of no text then."""
        if self.embedder is not None:
            self._vectors.embed(["word"])

    def sees(self, writes: Writes) -> bool:
        """Whether an embedder is needed for what is put."""
        drafts = (draft for draft in writes.values() if draft is not None and draft.fields is not None)
        return self.embedder is not None and any(_texts(draft.value, draft.fields or ()) for draft in drafts)

    def rank(
        self, query: str, prefix: Path, conditions: dict[str, object] | None, alive_at: float | None, page: slice
    ) -> dict[int, float | None]:
        """A page of the items below the path that pass the filter, by number: the nearest first, with their cosines.

        Then come those that no search sees, with None.
        """
        vector = self._vectors.embed([query])[0]
        with self._lock:
            ids, scores = self._current(prefix, len(vector)).ranked(vector, alive_at)
        if not conditions:
            return dict(zip(ids[page], scores[page], strict=True))
        return dict(islice(self._passing(ids, scores, conditions), page.start, page.stop))

    def _passing(
        self, ids: list[int], scores: list[float | None], conditions: dict[str, object]
    ) -> Iterator[tuple[int, float | None]]:
        for start in range(0, len(ids), _BATCH):
            part = slice(start, start + _BATCH)
            with self._ledger.read() as connection:
                items = self._table.load(connection, ids[part])
            for id_, score in zip(ids[part], scores[part], strict=True):
                if id_ in items and passes(items[id_].value, conditions):
                    yield id_, score

    def _current(self, prefix: Path, dimensions: int) -> ItemMatrix:
        """The matrix of a path as of now, every item that has texts with its vectors."""
        embedder = self.embedder
        assert embedder is not None, "a store without an embedder is listed, not ranked"
        matrix = self._matrices.pop((embedder, prefix), None) or ItemMatrix(prefix, dimensions)
        self._catch_up(matrix, embedder)
        if matrix.lacking:
            unstored = self._complete(matrix.lacking, embedder)
            self._catch_up(matrix, embedder)
            matrix.give({id_: data for id_, data in unstored.items() if id_ in matrix.lacking})
        self._matrices[embedder, prefix] = matrix  # as the last one used
        while len(self._matrices) > 1 and sum(held.size for held in self._matrices.values()) > _MOST_VECTORS:
            del self._matrices[next(iter(self._matrices))]
        return matrix

    def _catch_up(self, matrix: ItemMatrix, embedder: str) -> None:
        with self._ledger.read() as connection:
            self._vectors.check(connection)
            matrix.catch_up(connection, self._table, embedder)

    def _complete(self, missing: Sequence[int], embedder: str) -> dict[int, bytes]:
        """Embed what was put while the store had no embedder, or another one; returns what could not be stored."""
        unstored: dict[int, bytes] = {}
        for start in range(0, len(missing), _BATCH):
            ids = missing[start : start + _BATCH]
            with self._ledger.read() as connection:
                before = self._table.fields(connection, ids)
            made = self._embed([_texts(value, fields) for value, fields in before.values()])
            new = {id_: data for id_, data in zip(before, made, strict=True) if data is not None}
            try:
                with self._ledger.write() as connection:
                    present = self._table.fields(connection, ids)
                    # An item that was put anew meanwhile has vectors of its own.
                    fresh = {id_: data for id_, data in new.items() if present.get(id_) == before[id_]}
                    self._table.mark(connection, fresh, self._table.next_version(connection))
                    self._table.put_vectors(connection, fresh, embedder)
            except LedgerReadOnly:  # who may only read can still search
                unstored |= new
        return unstored

    def _embed(self, texts: Sequence[list[str] | None]) -> list[bytes | None]:
        """Vectors of lists of texts. Equal texts are embedded once."""
        distinct = list(dict.fromkeys(text for group in texts for text in group or ()))
        rows = dict(zip(distinct, self._vectors.embed(distinct), strict=True)) if distinct else {}
        return [b"".join(rows[text].tobytes() for text in group) if group is not None else None for group in texts]


def _texts(value: str, fields: Iterable[str]) -> list[str]:
    """The texts of an item that a search sees; LangGraph's own path syntax, '$' for the whole value."""
    from langgraph.store.base import get_text_at_path, tokenize_path

    parsed = json.loads(value)
    return [
        text for field in fields for text in get_text_at_path(parsed, field if field == "$" else tokenize_path(field))
    ]


class ItemMatrix:
    """Items below a path in the order in which they were first put, each with any number of vectors."""

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
        self._add_rows([(self._index_of[id_], data) for id_, data in made.items()])

    def ranked(self, query: NDArray[np.float32], alive_at: float | None) -> tuple[list[int], list[float | None]]:
        """Numbers of all living items and their cosines: nearest first, then those without a vector in their order."""
        owners = self._owners[: self._rows]
        similar = self._matrix[: self._rows] @ query
        # An item with several texts counts as its best one; the row added is for rows whose item has others now.
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
        self._index_of: dict[int, int] = {}
        self._ids: list[int] = []
        self._expires: list[float] = []
        self._lacking: set[int] = set()
        self._rows = 0
        self._matrix = np.empty((16, self._dimensions), dtype=np.float32)
        self._owners = np.empty(16, dtype=np.int64)  # indexes of items, -1 for rows of none

    def _put(self, rows: Sequence[Row[Any]]) -> None:
        self._drop_rows([self._index_of[row.id] for row in rows if row.id in self._index_of])
        for row in rows:
            index = self._index_of.setdefault(row.id, len(self._ids))
            expires = float("inf") if row.expires_at is None else row.expires_at
            if index == len(self._ids):
                self._ids.append(row.id)
                self._expires.append(expires)
            self._expires[index] = expires
            if row.fields is not None and row.data is None:
                self._lacking.add(row.id)
            else:
                self._lacking.discard(row.id)
        self._add_rows([(self._index_of[row.id], row.data) for row in rows if row.data])

    def _drop_rows(self, indexes: Sequence[int]) -> None:
        if indexes:
            owners = self._owners[: self._rows]
            owners[np.isin(owners, indexes)] = -1

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
        self._owners[self._rows : end] = np.repeat([index for index, _ in added], counts)
        self._rows = end
