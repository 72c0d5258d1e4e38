"""ConceptItems: the concepts of a store as items of a LangGraph store, under the path ("concepts", NAMESPACE).

Every change is an event of the ledger, so credit, history and undo hold here too. An item's value is the concept as
JSON. What a caller may set is its content: id, status, outcomes and provenance are the store's, and what was set is
`provisional`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from pilotage.common.text import carriable
from pilotage.memory.adapters.langgraph.concept_names import ConceptNames, Name
from pilotage.memory.adapters.langgraph.filter import passes
from pilotage.memory.adapters.langgraph.items import CONCEPTS, ItemTable, Path, StoredItem
from pilotage.memory.concept import Concept, ConceptDraft
from pilotage.memory.edits.editor import change_status, rewrite
from pilotage.memory.edits.events import NewConcept, ids_by_hash, insert_new
from pilotage.memory.errors import InvalidItem
from pilotage.memory.ledger.ledger import By, Ledger
from pilotage.memory.ledger.schema import concepts
from pilotage.memory.store import ConceptStore

_CONTENT = set(ConceptDraft.model_fields)
_OF_THE_STORE = set(Concept.model_fields) - _CONTENT
_SHORTLIST = 100


@dataclass(frozen=True)
class ConceptChange:
    """A put or, without a draft, a delete; checked and embedded."""

    key: str
    draft: ConceptDraft | None
    vector: bytes | None = None


class ConceptItems:
    """Reads and writes concepts by item keys.

    What `put` stores is there under its key; every other concept is there under its id. Each key is on its own: a put
    or a delete changes what no other key shows, although equal content is one concept. The id of a concept that has a
    key is another way to write that key.

    Args:
        store: the concepts.
        ledger: the store's ledger.
        table: the tenant's items.
        actor: who is recorded to have made a change.
    """

    def __init__(self, store: ConceptStore, ledger: Ledger, table: ItemTable, actor: str) -> None:
        self._store = store
        self._ledger = ledger
        self._space = store._space  # another door of the same house
        self._by = By(actor)
        self._names = ConceptNames(table, self.path)

    @property
    def path(self) -> Path:
        """Where they are."""
        return (CONCEPTS, self._store.namespace)

    def get(self, path: Path, key: str) -> StoredItem | None:
        """The concept with this key; None when it is forgotten, or another tenant's."""
        if path != self.path:
            return None
        with self._ledger.read() as connection:
            name, concept = self._held(connection, key)
            if concept is None:
                concept = self._merged(connection, key if name is None else name.concept)
        return self._item(concept, key, name) if concept is not None else None

    def search(
        self, prefix: Path, query: str | None, wanted: dict[str, Any] | None, limit: int, offset: int
    ) -> list[tuple[StoredItem, float | None]]:
        """Items and scores, best first, as `ConceptStore.search` ranks them; without a query, oldest first."""
        if prefix != self.path[: len(prefix)]:
            return []
        with self._ledger.read() as connection:
            names = self._names.by_concept(connection)
        found: list[tuple[tuple[str, Name | None], Concept, float | None]]
        if query:
            most = self._store.count() if wanted else _round_up(offset + limit)
            hits = self._store.search(query, max(most, 1))
            found = [(one, hit.concept, hit.score) for hit in hits for one in _shown(hit.concept.id, names)]
        elif wanted:
            found = [(one, concept, None) for concept in self._store.all() for one in _shown(concept.id, names)]
        else:
            return [(item, None) for item in self._page(names, limit, offset)]
        kept = [one for one in found if not wanted or passes(_value(one[1], one[0][1]), wanted)]
        return [(self._item(concept, *key), score) for key, concept, score in kept[offset : offset + limit]]

    def paths(self) -> list[Path]:
        """The one path, when there is a concept."""
        return [] if self._store.is_empty() else [self.path]

    def prepare(self, puts: Sequence[tuple[Path, str, Mapping[str, Any] | None]]) -> list[ConceptChange]:
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
            ConceptChange(key, draft, None if draft is None else next(vectors).tobytes())
            for (_, key, _), draft in zip(puts, drafts, strict=True)
        ]

    def write(self, connection: Connection, changes: Sequence[ConceptChange], version: int) -> None:
        """Carry changes out, in order, within the caller's transaction."""
        for change in changes:
            name, held = self._held(connection, change.key)
            if change.draft is not None:
                self._put(connection, change, name, held, version)
            elif held is not None:
                self._let_go(connection, name, held)

    def _held(self, connection: Connection, key: str) -> tuple[Name | None, Concept | None]:
        """The name that a key is, and the active concept that it stands for."""
        name = self._names.get(connection, key)
        found = self._concept(connection, key if name is None else name.concept)
        if name is None and found is not None:  # an id: of a concept that has a key it is another way to write that
            name = next((one for one in self._names.of(connection, key) if one.owns), None)
        return name, found if found is not None and found.status != "retired" else None

    def _merged(self, connection: Connection, id_: str) -> Concept | None:
        """The active concept that a retired one was merged into."""
        found, passed = self._concept(connection, id_), {id_}
        while found is not None and found.replaced_by and found.replaced_by not in passed:
            passed.add(found.replaced_by)
            found = self._concept(connection, found.replaced_by)
        return found if found is not None and found.status != "retired" else None

    def _concept(self, connection: Connection, id_: str) -> Concept | None:
        id_ = carriable(id_)
        return self._ledger.get(connection, self._store.namespace, [id_]).get(id_)

    def _put(
        self, connection: Connection, change: ConceptChange, name: Name | None, held: Concept | None, version: int
    ) -> None:
        assert change.draft is not None and change.vector is not None, "a put has a draft and its vector"
        key, draft = name.key if name is not None else change.key, change.draft
        twin = ids_by_hash(connection, self._store.namespace, [draft.content_hash]).get(draft.content_hash)
        same = None if twin is None else self._space.get(connection, twin)
        others = held is not None and self._shared(connection, name, held)
        if held is not None and not others and (same is None or same.id == held.id):
            if draft != held.draft:
                rewrite(self._space, connection, held, draft, change.vector, self._by, status="provisional")
            if name is not None:
                self._names.put(connection, key, held.id, owns=name.owns, keywords=None, version=version)
            return
        owns = same is None or same.status == "retired"
        if same is not None and held is not None and same.id == held.id:
            owns = name is not None and name.owns
        elif held is not None:
            self._let_go(connection, name, held)
        if same is None:
            same = self._add(connection, draft, change.vector)
        elif same.status == "retired":
            for dead in self._names.of(connection, same.id):
                self._names.drop(connection, dead.key)
            same = change_status(self._space, connection, same.id, "provisional", "restored", self._by)
        keywords = draft.keywords if draft.keywords != same.keywords else None
        self._names.put(connection, key, same.id, owns=owns, keywords=keywords, version=version)

    def _shared(self, connection: Connection, name: Name | None, held: Concept) -> bool:
        """Whether the concept that an item shows is shown by another item too."""
        others = [one for one in self._names.of(connection, held.id) if name is None or one.key != name.key]
        return bool(others) or (name is not None and not name.owns)

    def _let_go(self, connection: Connection, name: Name | None, held: Concept) -> None:
        """Take an item away, and its concept if no other item shows it."""
        others = [one for one in self._names.of(connection, held.id) if name is None or one.key != name.key]
        if name is not None:
            self._names.drop(connection, name.key)
            if not name.owns:
                return
        if others:
            self._names.give(connection, others[0])
        else:
            change_status(self._space, connection, held.id, "retired", "retired", self._by)

    def _add(self, connection: Connection, draft: ConceptDraft, vector: bytes) -> Concept:
        concept = Concept(**dict(draft), id=secrets.token_hex(8), namespace=self._store.namespace)
        self._space.vectors.claim(connection)
        insert_new(self._space, connection, [NewConcept(concept, draft.content_hash, vector)], self._by)
        return concept

    def _page(self, names: Mapping[str, list[Name]], limit: int, offset: int) -> list[StoredItem]:
        """Items in the order in which their concepts were added; only those of the page are read."""
        active = (concepts.c.namespace == self._store.namespace) & (concepts.c.status != "retired")
        with self._ledger.read() as connection:
            ids = connection.scalars(select(concepts.c.id).where(active).order_by(concepts.c.added_seq)).all()
            shown = [(id_, *one) for id_ in ids for one in _shown(id_, names)][offset : offset + limit]
            found = self._ledger.get(connection, self._store.namespace, [id_ for id_, _, _ in shown])
        return [self._item(found[id_], key, name) for id_, key, name in shown]

    def _item(self, concept: Concept, key: str, name: Name | None) -> StoredItem:
        history = self._store.history(concept.id)
        first, last = (datetime.fromisoformat(event.at) for event in (history[0], history[-1]))
        if name is not None:
            first, last = name.created_at, max(name.updated_at, last)
        return StoredItem(0, self.path, key, _value(concept, name), first, last)


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


def _round_up(limit: int) -> int:
    """Ranks depend a little on how many are asked for, so pages of one search ask for the same number."""
    return -(-limit // _SHORTLIST) * _SHORTLIST
