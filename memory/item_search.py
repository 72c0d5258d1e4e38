"""ItemSearch: items by meaning. Exact: the query is compared with every text of every item below the path."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from memory.errors import EmbedderError
from memory.item_filter import passes
from memory.items import ItemDraft, ItemTable, Path
from memory.ledger import Ledger
from memory.vectors import VectorStore

_BATCH = 256


@dataclass(frozen=True)
class ItemHit:
    """An item that was found: its number, and its cosine to the query, None for an item that no search sees."""

    id: int
    score: float | None


class ItemSearch:
    """Embeds items and ranks them.

    Args:
        ledger: holds items and vectors.
        vectors: the store's embedder; a store without one ranks nothing.
        table: the tenant's items.
    """

    def __init__(self, ledger: Ledger, vectors: VectorStore, table: ItemTable) -> None:
        self._ledger = ledger
        self._vectors = vectors
        self._table = table

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

    def rank(self, query: str, prefix: Path, wanted: dict[str, object] | None, alive_at: float | None) -> list[ItemHit]:
        """Every item below the path that passes the filter: the nearest first, then those that no search sees."""
        embedder = self.embedder
        assert embedder is not None, "a store without an embedder is listed, not ranked"
        vector = self._vectors.embed([query])[0]
        rows = self._rows(prefix, alive_at, embedder)
        missing = [id_ for id_, fields, data in rows if fields is not None and data is None]
        if missing:
            self._complete(missing, embedder)
            rows = self._rows(prefix, alive_at, embedder)
        ids = [id_ for id_, _, _ in rows]
        if wanted:
            with self._ledger.read() as connection:
                values = self._table.values(connection, prefix, alive_at)
                passing = {id_ for id_, value in values if passes(value, wanted)}
            ids = [id_ for id_ in ids if id_ in passing]
        among = set(ids)
        known = [(id_, data) for id_, _, data in rows if data and id_ in among]
        scores: dict[int, float] = {}
        if known:
            matrix = np.frombuffer(b"".join(data for _, data in known), dtype="<f4").reshape(-1, len(vector))
            size = len(vector) * 4
            starts = np.cumsum([0] + [len(data) // size for _, data in known[:-1]])
            # An item with several texts counts as its best one.
            best = np.clip(np.maximum.reduceat(matrix @ vector, starts), -1.0, 1.0)
            scores = {id_: float(score) for (id_, _), score in zip(known, best, strict=True)}
        ranked = sorted((id_ for id_ in ids if id_ in scores), key=lambda id_: -scores[id_])
        return [ItemHit(id_, scores[id_]) for id_ in ranked] + [ItemHit(id_, None) for id_ in ids if id_ not in scores]

    def _rows(self, prefix: Path, alive_at: float | None, embedder: str) -> Sequence[Any]:
        with self._ledger.read() as connection:
            self._vectors.check(connection)
            return self._table.vectors(connection, prefix, alive_at, embedder)

    def _complete(self, missing: Sequence[int], embedder: str) -> None:
        """Embed what was put while the store had no embedder, or another one."""
        for start in range(0, len(missing), _BATCH):
            ids = missing[start : start + _BATCH]
            with self._ledger.read() as connection:
                before = self._table.fields(connection, ids)
            made = self._embed([_texts(value, fields) for value, fields in before.values()])
            with self._ledger.write() as connection:
                present = self._table.fields(connection, ids)
                # An item that was put anew meanwhile has vectors of its own.
                fresh = {
                    id_: data
                    for id_, data in zip(before, made, strict=True)
                    if data is not None and present.get(id_) == before[id_]
                }
                self._table.put_vectors(connection, fresh, embedder)

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
