"""ConceptNames: which keys of a LangGraph store stand for which concept.

A name is a row of the items' table: its key, and as its value the concept's id. Equal content is one concept with
several names; which of them it was made for is remembered, so that it goes when the last of its names has gone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from pilotage.memory.adapters.langgraph.items import ItemDraft, ItemTable, Path
from pilotage.memory.ledger.schema import items


@dataclass(frozen=True)
class Name:
    """A key that stands for a concept.

    Attributes:
        key: the key.
        concept: id of the concept.
        owns: whether the concept was made for this key; if not, it is also there under its id.
        keywords: those that were put under this key, where the concept has others: they are no part of what it says.
        created_at: when the key was first put.
        updated_at: when it was last put.
    """

    key: str
    concept: str
    owns: bool
    keywords: tuple[str, ...] | None
    created_at: datetime
    updated_at: datetime


class ConceptNames:
    """The names below one path.

    Args:
        table: the tenant's items.
        path: where the names are.
    """

    def __init__(self, table: ItemTable, path: Path) -> None:
        self._table = table
        self._path = path

    def get(self, connection: Connection, key: str) -> Name | None:
        """The name with this key."""
        found = self._table.get(connection, self._path, key, None)
        return _name(found.key, found.value, found.created_at, found.updated_at) if found is not None else None

    def of(self, connection: Connection, concept: str) -> list[Name]:
        """All names of a concept, the oldest first."""
        start = json.dumps({"concept": concept})[:-1]
        return self._read(connection, func.substr(items.c.value, 1, len(start)) == start)

    def by_concept(self, connection: Connection) -> dict[str, list[Name]]:
        """All names there are, by concept."""
        found: dict[str, list[Name]] = {}
        for name in self._read(connection):
            found.setdefault(name.concept, []).append(name)
        return found

    def put(
        self,
        connection: Connection,
        key: str,
        concept: str,
        *,
        owns: bool,
        keywords: Sequence[str] | None,
        version: int,
    ) -> None:
        """Let a key stand for a concept, whatever it stood for before."""
        draft = ItemDraft(self._path, key, _value(concept, owns, keywords), None, None)
        self._table.put(connection, draft, 0.0, version)

    def give(self, connection: Connection, name: Name) -> None:
        """Let a name own its concept, for which nobody put anything anew."""
        value = _value(name.concept, True, name.keywords)
        connection.execute(update(items).where(*self._table.place(self._path, name.key)).values(value=value))

    def drop(self, connection: Connection, key: str) -> None:
        """Let a key stand for nothing."""
        self._table.delete(connection, self._path, key)

    def _read(self, connection: Connection, *wanted: Any) -> list[Name]:
        query = select(items.c.key, items.c.value, items.c.created_at, items.c.updated_at).where(
            *self._table.place(self._path), *wanted
        )
        return [
            _name(json.loads(key), json.loads(value), *map(datetime.fromisoformat, times))
            for key, value, *times in connection.execute(query.order_by(items.c.id))
        ]


def _value(concept: str, owns: bool, keywords: Sequence[str] | None) -> str:
    """The concept comes first, where `of` looks for it. Names of earlier versions say nothing else."""
    value: dict[str, Any] = {"concept": concept}
    if not owns:
        value["owns"] = False
    if keywords is not None:
        value["keywords"] = list(keywords)
    return json.dumps(value)


def _name(key: str, value: dict[str, Any], created_at: datetime, updated_at: datetime) -> Name:
    keywords = value.get("keywords")
    owns = bool(value.get("owns", True))
    return Name(key, value["concept"], owns, None if keywords is None else tuple(keywords), created_at, updated_at)
