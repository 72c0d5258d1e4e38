"""ConceptItems: the concepts of a store as items of a LangGraph store, under the path ("concepts", NAMESPACE).

Every change is an event of the ledger, so credit, history and undo hold here too. An item's value is the concept as
JSON. What a caller may set is its content: id, status, outcomes and provenance are the store's, and what was set is
`provisional`.

A name is a row of the items' table: its key, and as its value the concept's id. Equal content is one concept with
several names; which of them it was made for is remembered, so that it goes when the last of its names has gone.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from pilotage.common.text import carriable
from pilotage.memory.adapters.langgraph.filter import passes
from pilotage.memory.adapters.langgraph.items import CONCEPTS, ItemDraft, ItemTable, Path, StoredItem, stored
from pilotage.memory.concept import Concept, ConceptDraft
from pilotage.memory.edits.editor import change_status, rewrite
from pilotage.memory.edits.events import NewConcept, ids_by_hash, insert_new
from pilotage.memory.errors import InvalidItem
from pilotage.memory.ledger.ledger import By
from pilotage.memory.ledger.schema import concepts, items
from pilotage.memory.store import ConceptStore

_OF_THE_STORE = set(Concept.model_fields) - set(ConceptDraft.model_fields)
_SHORTLIST = 100


@dataclass(frozen=True)
class Name:
    """A key that stands for a concept.

    Attributes:
        key: the key.
        created_at: when it was first put.
        updated_at: when it was last put.
        concept: id of the concept.
        owns: whether the concept was made for this key; if not, it is also there under its id.
        keywords: those that were put under this key, where the concept has others: they are no part of what it says.
    """

    key: str
    created_at: datetime
    updated_at: datetime
    concept: str
    owns: bool = True
    keywords: Sequence[str] | None = None

    @classmethod
    def read(cls, item: StoredItem) -> Name:
        """The name in a row of the items' table."""
        return cls(item.key, item.created_at, item.updated_at, **item.value)


@dataclass(frozen=True)
class ItemChange:
    """A put or, without a draft, a delete; checked and embedded."""

    key: str
    draft: ConceptDraft | None
    vector: bytes | None = None


class ConceptItems:
    """Reads and writes concepts by item keys, as the tenant's `table` has them; `actor` is recorded for changes.

    What `put` stores is there under its key; every other concept is there under its id. Each key is on its own: a put
    or a delete changes what no other key shows, although equal content is one concept. The id of a concept that has a
    key is another way to write that key.
    """

    def __init__(self, store: ConceptStore, table: ItemTable, actor: str) -> None:
        self.path: Path = (CONCEPTS, store.namespace)
        self._store = store
        self._space, self._ledger = store._space, store._ledger  # another door of the same house
        self._table = table
        self._by = By(actor)

    def get(self, path: Path, key: str) -> StoredItem | None:
        """The concept with this key; None when it is forgotten, or another tenant's."""
        if path != self.path:
            return None
        with self._ledger.read() as connection:
            name, concept = self._held(connection, key)
            if concept is None:
                concept = self._merged(connection, key if name is None else name.concept)
            return None if concept is None else self._items(connection, [(concept, key, name)])[0]

    def search(
        self, prefix: Path, query: str | None, conditions: dict[str, Any] | None, limit: int, offset: int
    ) -> list[tuple[StoredItem, float | None]]:
        """Items and scores, best first, as `ConceptStore.search` ranks them; without a query, oldest first."""
        if prefix != self.path[: len(prefix)]:
            return []
        with self._ledger.read() as connection:
            names: dict[str, list[Name]] = {}
            for name in self._names(connection):
                names.setdefault(name.concept, []).append(name)
        ranked: list[tuple[Concept, float | None]]
        if query:
            # Ranks depend a little on how many are asked for, so pages of one search ask for the same number.
            most = self._store.count() if conditions else -(-(offset + limit) // _SHORTLIST) * _SHORTLIST
            ranked = [(hit.concept, hit.score) for hit in self._store.search(query, max(most, 1))]
        elif conditions:
            ranked = [(concept, None) for concept in self._store.all()]
        else:
            return [(item, None) for item in self._page(names, limit, offset)]
        kept = [
            (concept, key, name, score)
            for concept, score in ranked
            for key, name in _shown(concept.id, names)
            if not conditions or passes(_value(concept, name), conditions)
        ]
        page = kept[offset : offset + limit]
        with self._ledger.read() as connection:
            shown = self._items(connection, [(concept, key, name) for concept, key, name, _ in page])
        return [(item, score) for item, (_, _, _, score) in zip(shown, page, strict=True)]

    def paths(self) -> list[Path]:
        """The one path, when there is a concept."""
        return [] if self._store.is_empty() else [self.path]

    def prepare(self, puts: Sequence[tuple[Path, str, Mapping[str, Any] | None]]) -> list[ItemChange]:
        """Check and embed puts, and with None as their value deletes; `write` carries them out.

        Raises:
            InvalidItem: a path is not that of this store's concepts.
            InvalidConcept: a value is not a concept.
            EmbedderError: there is no embedder, and something is put.
        """
        drafts: list[ConceptDraft | None] = []
        for path, _, value in puts:
            if path != self.path:
                raise InvalidItem(
                    f"paths that start with '{CONCEPTS}' are reserved: the concepts of this store are at {self.path}, "
                    "and other items need another first label"
                )
            drafts.append(None if value is None else _draft(value))
        texts = [draft.search_text for draft in drafts if draft is not None]
        vectors = iter(self._space.vectors.embed(texts) if texts else ())
        return [
            ItemChange(key, draft, None if draft is None else next(vectors).tobytes())
            for (_, key, _), draft in zip(puts, drafts, strict=True)
        ]

    def write(self, connection: Connection, changes: Sequence[ItemChange], version: int) -> None:
        """Carry changes out, in order, within the caller's transaction."""
        for change in changes:
            name, held = self._held(connection, change.key)
            if change.draft is not None:
                self._put(connection, change, name, held, version)
            elif held is not None:
                self._let_go(connection, name, held)

    def _held(self, connection: Connection, key: str) -> tuple[Name | None, Concept | None]:
        """The name that a key is, and the active concept that it stands for."""
        item = self._table.get(connection, self.path, key, None)
        name = None if item is None else Name.read(item)
        concept = self._concept(connection, key if name is None else name.concept)
        if name is None and concept is not None:  # an id: of a concept that has a key it is another way to write that
            name = next((one for one in self._names_of(connection, key) if one.owns), None)
        return name, concept if concept is not None and concept.status != "retired" else None

    def _merged(self, connection: Connection, id_: str) -> Concept | None:
        """The active concept that a retired one was merged into."""
        concept, passed = self._concept(connection, id_), {id_}
        while concept is not None and concept.replaced_by and concept.replaced_by not in passed:
            passed.add(concept.replaced_by)
            concept = self._concept(connection, concept.replaced_by)
        return concept if concept is not None and concept.status != "retired" else None

    def _concept(self, connection: Connection, id_: str) -> Concept | None:
        id_ = carriable(id_)
        return self._ledger.get(connection, self._store.namespace, [id_]).get(id_)

    def _put(
        self, connection: Connection, change: ItemChange, name: Name | None, held: Concept | None, version: int
    ) -> None:
        assert change.draft is not None and change.vector is not None, "a put has a draft and its vector"
        key, draft = name.key if name is not None else change.key, change.draft
        twin = ids_by_hash(connection, self._store.namespace, [draft.content_hash]).get(draft.content_hash)
        same = None if twin is None else self._space.get(connection, twin)
        alone = held is not None and (name is None or name.owns) and not self._others(connection, name, held)
        if held is not None and alone and (same is None or same.id == held.id):
            if draft != held.draft:
                rewrite(self._space, connection, held, draft, change.vector, self._by, status="provisional")
            if name is not None:
                self._put_name(connection, key, _name_value(held.id, name.owns), version)
            return
        owns = same is None or same.status == "retired"
        if same is not None and held is not None and same.id == held.id:
            owns = name is not None and name.owns
        elif held is not None:
            self._let_go(connection, name, held)
        if same is None:
            same = self._add(connection, draft, change.vector)
        elif same.status == "retired":
            for dead in self._names_of(connection, same.id):
                self._table.delete(connection, self.path, dead.key)
            same = change_status(self._space, connection, same.id, "provisional", "restored", self._by)
        keywords = draft.keywords if draft.keywords != same.keywords else None
        self._put_name(connection, key, _name_value(same.id, owns, keywords), version)

    def _let_go(self, connection: Connection, name: Name | None, held: Concept) -> None:
        """Take an item away, and its concept if no other item shows it."""
        others = self._others(connection, name, held)
        if name is not None:
            self._table.delete(connection, self.path, name.key)
            if not name.owns:
                return
        if others:  # the next one owns it from now on, although nobody put anything anew
            value = _name_value(held.id, True, others[0].keywords)
            here = self._table.where(self.path, others[0].key)
            connection.execute(update(items).where(*here).values(value=value))
        else:
            change_status(self._space, connection, held.id, "retired", "retired", self._by)

    def _add(self, connection: Connection, draft: ConceptDraft, vector: bytes) -> Concept:
        concept = Concept(**dict(draft), id=secrets.token_hex(8), namespace=self._store.namespace)
        self._space.vectors.claim(connection)
        insert_new(self._space, connection, [NewConcept(concept, draft.content_hash, vector)], self._by)
        return concept

    def _names(self, connection: Connection, *conditions: Any) -> list[Name]:
        """All names there are that meet some conditions, the oldest first."""
        query = select(items).where(*self._table.where(self.path), *conditions).order_by(items.c.id)
        return [Name.read(stored(row)) for row in connection.execute(query)]

    def _names_of(self, connection: Connection, concept: str) -> list[Name]:
        start = json.dumps({"concept": concept})[:-1]
        return self._names(connection, func.substr(items.c.value, 1, len(start)) == start)

    def _others(self, connection: Connection, name: Name | None, held: Concept) -> list[Name]:
        """The names of a concept but for one."""
        return [one for one in self._names_of(connection, held.id) if name is None or one.key != name.key]

    def _put_name(self, connection: Connection, key: str, value: str, version: int) -> None:
        self._table.put(connection, ItemDraft(self.path, key, value, None, None), 0.0, version)

    def _page(self, names: Mapping[str, list[Name]], limit: int, offset: int) -> list[StoredItem]:
        """Items in the order in which their concepts were added; only those of the page are read."""
        active = (concepts.c.namespace == self._store.namespace) & (concepts.c.status != "retired")
        with self._ledger.read() as connection:
            ids = connection.scalars(select(concepts.c.id).where(active).order_by(concepts.c.added_seq)).all()
            shown = [(id_, *one) for id_ in ids for one in _shown(id_, names)][offset : offset + limit]
            page = self._ledger.get(connection, self._store.namespace, [id_ for id_, _, _ in shown])
            return self._items(connection, [(page[id_], key, name) for id_, key, name in shown])

    def _items(self, connection: Connection, shown: Sequence[tuple[Concept, str, Name | None]]) -> list[StoredItem]:
        """Concepts as items, each by the key and the name under which it is shown."""
        times = self._ledger.times(connection, self._store.namespace, [concept.id for concept, _, _ in shown])
        rows = []
        for concept, key, name in shown:
            created, updated = times[concept.id]
            if name is not None:
                created, updated = name.created_at, max(name.updated_at, updated)
            rows.append(StoredItem(0, self.path, key, _value(concept, name), created, updated))
        return rows


def _draft(value: Mapping[str, Any]) -> ConceptDraft:
    if not isinstance(value, Mapping):
        return ConceptDraft.parse(value)
    return ConceptDraft.parse({name: part for name, part in value.items() if name not in _OF_THE_STORE})


def _shown(id_: str, names: Mapping[str, list[Name]]) -> list[tuple[str, Name | None]]:
    """The keys under which a concept is there."""
    mine = names.get(id_, [])
    keys: list[tuple[str, Name | None]] = [(name.key, name) for name in mine]
    return keys if any(name.owns for name in mine) else [(id_, None), *keys]


def _value(concept: Concept, name: Name | None) -> dict[str, Any]:
    value = concept.model_dump(mode="json")
    if name is not None and name.keywords is not None:
        value["keywords"] = list(name.keywords)
    return value


def _name_value(concept: str, owns: bool, keywords: Sequence[str] | None = None) -> str:
    """The concept comes first, where `_names_of` looks for it. Names of earlier versions say nothing else."""
    value: dict[str, Any] = {"concept": concept}
    if not owns:
        value["owns"] = False
    if keywords is not None:
        value["keywords"] = list(keywords)
    return json.dumps(value)
