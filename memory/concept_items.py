"""ConceptItems: the concepts of a store as items of a LangGraph store, under the path ("concepts", NAMESPACE).

Every change goes through `ConceptStore`, so credit, history and undo hold here too. An item's value is the concept as
JSON. What a caller may set is its content: id, status, outcomes and provenance are the store's, and what was set is
`provisional`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from memory.concept import Concept, ConceptDraft
from memory.errors import InvalidItem, UnknownConcept
from memory.item_filter import passes
from memory.items import CONCEPTS, ItemDraft, ItemTable, Path, StoredItem
from memory.ledger import Ledger
from memory.store import ConceptStore

_CONTENT = set(ConceptDraft.model_fields)
_OF_THE_STORE = set(Concept.model_fields) - _CONTENT
_SHORTLIST = 100


class ConceptItems:
    """Reads and writes concepts by item keys.

    A key is a concept's id. A key of the caller's own is kept as another name for the concept that `put` stored, or
    found to be there already: `get`, `put` and `delete` take both, searches return the id.

    Args:
        store: the concepts.
        ledger: the store's ledger, for the other names.
        table: the tenant's items.
        actor: who is recorded to have made a change.
    """

    def __init__(self, store: ConceptStore, ledger: Ledger, table: ItemTable, actor: str) -> None:
        self._store = store
        self._ledger = ledger
        self._table = table
        self._actor = actor

    @property
    def path(self) -> Path:
        """Where they are."""
        return (CONCEPTS, self._store.namespace)

    def get(self, path: Path, key: str) -> StoredItem | None:
        """The concept with this key; None when it is forgotten, or another tenant's."""
        concept = self._find(key) if path == self.path else None
        return self._item(concept, key) if concept is not None and concept.status != "retired" else None

    def search(
        self, prefix: Path, query: str | None, wanted: dict[str, Any] | None, limit: int, offset: int
    ) -> list[tuple[StoredItem, float | None]]:
        """Concepts and scores, best first, as `ConceptStore.search` ranks them; without a query, oldest first."""
        if prefix != self.path[: len(prefix)]:
            return []
        found: list[tuple[Concept, float | None]]
        if query:
            most = self._store.count() if wanted else _round_up(offset + limit)
            found = [(hit.concept, hit.score) for hit in self._store.search(query, max(most, 1))]
        elif wanted:
            found = [(concept, None) for concept in self._store.all()]
        else:
            page = self._store.browse(limit=limit, offset=offset)
            return [(self._item(concept, concept.id), None) for concept in page]
        kept = [pair for pair in found if not wanted or passes(_value(pair[0]), wanted)]
        return [(self._item(concept, concept.id), score) for concept, score in kept[offset : offset + limit]]

    def paths(self) -> list[Path]:
        """The one path, when there is a concept."""
        return [] if self._store.is_empty() else [self.path]

    def prepare(self, path: Path, key: str, value: Mapping[str, Any] | None) -> Callable[[], None]:
        """Check a put, or with None a delete; the result carries it out.

        Raises:
            InvalidItem: the path is not that of this store's concepts.
            InvalidConcept: the value is not a concept.
        """
        if path != self.path:
            raise InvalidItem(
                f"paths that start with '{CONCEPTS}' are reserved: the concepts of this store are at {self.path}, and "
                "other items need another first label"
            )
        if value is None:
            return lambda: self._delete(key)
        draft = ConceptDraft.parse({name: part for name, part in value.items() if name not in _OF_THE_STORE})
        return lambda: self._put(key, draft)

    def _put(self, key: str, draft: ConceptDraft) -> None:
        known = self._find(key)
        if known is None:
            id_ = self._store.add(draft, actor=self._actor)
            self._name(key, id_)
            return
        if known.status == "retired":
            self._store.restore(known.id, actor=self._actor)
        if known.draft != draft:
            self._store.revise(known.id, draft.model_dump(), actor=self._actor, status="provisional")

    def _delete(self, key: str) -> None:
        known = self._find(key)
        if known is not None and known.status != "retired":
            self._store.forget(known.id, actor=self._actor)

    def _find(self, key: str) -> Concept | None:
        with self._ledger.read() as connection:
            name = self._table.get(connection, self.path, key, None)
        try:
            return self._store.get(name.value["concept"] if name is not None else key)
        except UnknownConcept:
            return None

    def _name(self, key: str, id_: str) -> None:
        draft = ItemDraft(self.path, key, json.dumps({"concept": id_}), None, None)
        with self._ledger.write() as connection:
            self._table.put(connection, draft, 0.0)

    def _item(self, concept: Concept, key: str) -> StoredItem:
        history = self._store.history(concept.id)
        first, last = (datetime.fromisoformat(event.at) for event in (history[0], history[-1]))
        return StoredItem(0, self.path, key, _value(concept), first, last)


def _value(concept: Concept) -> dict[str, Any]:
    return concept.model_dump(mode="json")


def _round_up(limit: int) -> int:
    """Ranks depend a little on how many are asked for, so pages of one search ask for the same number."""
    return -(-limit // _SHORTLIST) * _SHORTLIST
