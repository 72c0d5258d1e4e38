"""Items: free-form JSON values under a path and a key, kept in the ledger's database beside the concepts.

This is the table side of the LangGraph store (`pilotage.memory.adapters.langgraph.store`). Items have no history and no
credit. A path is LangGraph's namespace, a tuple of labels; the store's own namespace, the tenant, is fixed for one
`ItemTable`.

Every transaction that changes items takes the next number of the ledger's item counter and leaves it in each row that
it touches. So a reader that remembers the counter knows at once whether anything changed, and what.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from pilotage.memory.concept import now
from pilotage.memory.ledger.bounds import parts
from pilotage.memory.ledger.schema import item_vectors, items, meta

Path = tuple[str, ...]

# Paths under this label show the concepts. Rows there are other names for concepts and never show as items.
CONCEPTS = "concepts"

_END = "#"  # a path and this come after all that start with the path: a further label begins with a quote
BEFORE_ALL = -1  # a version that every item is later than
_COUNTER = "items_version"


@dataclass(frozen=True)
class StoredItem:
    """One item as it is stored."""

    id: int
    path: Path
    key: str
    value: dict[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class ItemDraft:
    """What is to be stored.

    Attributes:
        path: where.
        key: under which name.
        value: JSON text of an object (`pilotage.memory.adapters.langgraph.item_json`).
        fields: paths into the value that a search by meaning sees; None when it sees nothing.
        ttl_minutes: how long after its last use the item expires; None for never.
    """

    path: Path
    key: str
    value: str
    fields: tuple[str, ...] | None
    ttl_minutes: float | None


Writes = dict[tuple[Path, str], ItemDraft | None]
"""Items to be put by path and key; None deletes."""


@dataclass(frozen=True)
class ItemVectors:
    """Vectors of what is put, in its order; None for what no search sees.

    Attributes:
        embedder: key of what made them.
        data: of each item those of its texts, one after the other.
    """

    embedder: str
    data: Sequence[bytes | None]


class ItemTable:
    """The items of one tenant, a namespace. Methods take a connection, so that several make one transaction."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace

    def get(self, connection: Connection, path: Path, key: str, alive_at: float | None) -> StoredItem | None:
        """The item with this key; items that expired before `alive_at` are left out where it is given."""
        query = select(items).where(self._mine(alive_at), *self.where(path, key))
        row = connection.execute(query).one_or_none()
        return stored(row) if row is not None else None

    def load(self, connection: Connection, ids: Sequence[int]) -> dict[int, StoredItem]:
        """The items with these numbers."""
        return {row.id: stored(row) for row in _rows(connection, select(items), ids)}

    def page(
        self, connection: Connection, prefix: Path, alive_at: float | None, limit: int, offset: int
    ) -> list[StoredItem]:
        """Items below a path, in the order in which they were first put."""
        query = self._below(select(items), prefix, alive_at).order_by(items.c.id).limit(limit).offset(offset)
        return [stored(row) for row in connection.execute(query)]

    def values(self, connection: Connection, prefix: Path, alive_at: float | None) -> Iterator[tuple[int, Any]]:
        """Number and value of all items below a path, in the order in which they were first put."""
        query = self._below(select(items.c.id, items.c.value), prefix, alive_at)
        # Sorted here: the database would carry the values through its sorting.
        for row in sorted(connection.execute(query).all(), key=itemgetter(0)):
            yield row[0], json.loads(row[1])

    def paths(self, connection: Connection, alive_at: float | None) -> list[Path]:
        """Every path that holds an item."""
        query = self._below(select(items.c.path), (), alive_at).distinct()
        return [_labels(path) for path in connection.scalars(query)]

    def version(self, connection: Connection) -> int:
        """The ledger's item counter: it has grown if any item of any tenant has changed."""
        return int(connection.scalar(_VERSION) or 0)

    def next_version(self, connection: Connection) -> int:
        """Count the transaction that is under way; writers take turns, so numbers grow in the order of commits."""
        number = self.version(connection) + 1
        if number == 1:
            connection.execute(insert(meta).values(key=_COUNTER, value="1"))
        else:
            connection.execute(update(meta).where(meta.c.key == _COUNTER).values(value=str(number)))
        return number

    def write(
        self, connection: Connection, writes: Writes, vectors: ItemVectors | None, now_seconds: float, version: int
    ) -> None:
        """Put and delete items, however many by a few statements. When a key was first put stays known."""
        gone = [self._at(path, key) for (path, key), draft in writes.items() if draft is None]
        drafts = [draft for draft in writes.values() if draft is not None]
        if gone:
            connection.execute(_DELETE, gone)
        if not drafts:
            return
        known = self._known(connection, drafts, now_seconds)
        at = now().isoformat()
        new, old = [], []
        for draft in drafts:
            place = self._at(draft.path, draft.key)
            row = _row(draft, at, now_seconds, version)
            if (id_ := known.get((place["at"], place["named"]))) is not None:
                old.append({"of": id_, **row})
            else:
                first = {"namespace": self._namespace, "path": place["at"], "key": place["named"], "created_at": at}
                new.append({**first, **row})
        if old:
            connection.execute(_UPDATE, old)
            connection.execute(_DROP_VECTORS, [{"of": row["of"]} for row in old])
        if new:
            connection.execute(_ADD, new)
        if vectors is not None and any(data is not None for data in vectors.data):
            ids = self._known(connection, drafts, now_seconds) if new else known
            places = (self._at(draft.path, draft.key) for draft in drafts)
            made = zip((ids[place["at"], place["named"]] for place in places), vectors.data, strict=True)
            self.put_vectors(connection, {id_: data for id_, data in made if data is not None}, vectors.embedder)

    def put(self, connection: Connection, draft: ItemDraft, now_seconds: float, version: int) -> None:
        """Store an item, in place of the one with its key."""
        self.write(connection, {(draft.path, draft.key): draft}, None, now_seconds, version)

    def delete(self, connection: Connection, path: Path, key: str) -> None:
        """Delete an item; nothing when there is none."""
        connection.execute(_DELETE, self._at(path, key))

    def _at(self, path: Path, key: str) -> dict[str, str]:
        return {"in": self._namespace, "at": _path(path), "named": json.dumps(key)}

    def _known(
        self, connection: Connection, drafts: Sequence[ItemDraft], now_seconds: float
    ) -> dict[tuple[str, str], int]:
        """Numbers of the items that have the keys of drafts; what is dead of them is deleted, so that it stays so."""
        known, dead = {}, []
        for part in parts(drafts):
            places = [(_path(draft.path), json.dumps(draft.key)) for draft in part]
            here = items.c.namespace == self._namespace, tuple_(items.c.path, items.c.key).in_(places)
            query = select(items.c.path, items.c.key, items.c.id, items.c.expires_at).where(*here)
            for path, key, id_, expires_at in connection.execute(query):
                if expires_at is None or expires_at > now_seconds:
                    known[path, key] = id_
                else:  # what comes now is a new item, not a later version of a dead one
                    dead.append(id_)
        for part in parts(dead):
            connection.execute(delete(items).where(items.c.id.in_(part)))
        return known

    def touch(self, connection: Connection, ids: Iterable[int], now_seconds: float, version: int) -> None:
        """Start the time to live of these items anew; items without one are left alone."""
        values = {"expires_at": now_seconds + items.c.ttl_minutes * 60, "version": version}
        for part in parts(ids):
            mine = items.c.id.in_(part), items.c.ttl_minutes.is_not(None)
            connection.execute(update(items).where(*mine).values(**values))

    def any_expiring(self, connection: Connection, ids: Sequence[int]) -> bool:
        """Whether one of these items has a time to live."""
        query = select(items.c.id).where(items.c.ttl_minutes.is_not(None)).limit(1)
        return any(connection.scalar(query.where(items.c.id.in_(part))) is not None for part in parts(ids))

    def sweep(self, connection: Connection, now_seconds: float) -> int:
        """Delete this tenant's expired items; returns how many there were."""
        dead = (items.c.namespace == self._namespace, items.c.expires_at <= now_seconds)
        return connection.execute(delete(items).where(*dead)).rowcount

    def count(self, connection: Connection, prefix: Path) -> int:
        """How many items there are below a path, expired ones included."""
        return int(connection.scalar(self._below(select(func.count()).select_from(items), prefix, None)) or 0)

    def changed(self, connection: Connection, prefix: Path, embedder: str, since: int) -> Sequence[Row[Any]]:
        """`id`, `expires_at`, `fields` and `data` of the items below a path that changed after version `since`, by id.

        `data` are an item's vectors, None where they are still to be made or `fields` is None.
        """
        join = (item_vectors.c.item_id == items.c.id) & (item_vectors.c.embedder == embedder)
        query = select(items.c.id, items.c.expires_at, items.c.fields, item_vectors.c.data)
        query = query.outerjoin(item_vectors, join)
        if since > BEFORE_ALL:
            query = query.where(items.c.version > since)
        return sorted(connection.execute(self._below(query, prefix, None)).all(), key=itemgetter(0))

    def fields(self, connection: Connection, ids: Sequence[int]) -> dict[int, tuple[str, tuple[str, ...]]]:
        """JSON text of the value, and the paths into it that a search sees, of those of these items that have any."""
        query = select(items.c.id, items.c.value, items.c.fields).where(items.c.fields.is_not(None))
        return {row.id: (row.value, tuple(json.loads(row.fields))) for row in _rows(connection, query, ids)}

    def mark(self, connection: Connection, ids: Iterable[int], version: int) -> None:
        """Say that these items have changed."""
        for part in parts(ids):
            connection.execute(update(items).where(items.c.id.in_(part)).values(version=version))

    def put_vectors(self, connection: Connection, data: Mapping[int, bytes], embedder: str) -> None:
        """Give items their vectors, in place of those by another embedder; the caller has marked them as changed."""
        if data:
            connection.execute(_DROP_VECTORS, [{"of": id_} for id_ in data])
            rows = [{"item_id": id_, "embedder": embedder, "data": vectors} for id_, vectors in data.items()]
            connection.execute(insert(item_vectors), rows)

    def where(self, path: Path, key: str | None = None) -> list[ColumnElement[bool]]:
        """Conditions that rows at a path, or of one key there, meet."""
        here = [items.c.namespace == self._namespace, items.c.path == _path(path)]
        return here if key is None else [*here, items.c.key == json.dumps(key)]

    def _mine(self, alive_at: float | None) -> ColumnElement[bool]:
        mine = items.c.namespace == self._namespace
        if alive_at is None:
            return mine
        return mine & or_(items.c.expires_at.is_(None), items.c.expires_at > alive_at)

    def _below(self, query: Select[Any], prefix: Path, alive_at: float | None) -> Select[Any]:
        """Restrict a query to a path and what is below it. A range, so that the unique index serves it."""
        query = query.where(self._mine(alive_at))
        if not prefix:
            return query.where(or_(items.c.path < _path((CONCEPTS,)), items.c.path >= _path((CONCEPTS,)) + _END))
        return query.where(items.c.path >= _path(prefix), items.c.path < _path(prefix) + _END)


# Built once: to build a statement takes longer than to run it.
_ADD = insert(items)
_UPDATE = (
    update(items)
    .where(items.c.id == bindparam("of"))
    .values(
        {name: bindparam(name) for name in ("value", "fields", "updated_at", "version", "ttl_minutes", "expires_at")}
    )
)
_DELETE = delete(items).where(
    items.c.namespace == bindparam("in"), items.c.path == bindparam("at"), items.c.key == bindparam("named")
)
_VERSION = select(meta.c.value).where(meta.c.key == _COUNTER)
_DROP_VECTORS = delete(item_vectors).where(item_vectors.c.item_id == bindparam("of"))


def _row(draft: ItemDraft, at: str, now_seconds: float, version: int) -> dict[str, Any]:
    """What is written of an item however often it is put."""
    return {
        "value": draft.value,
        "fields": json.dumps(draft.fields) if draft.fields is not None else None,
        "updated_at": at,
        "version": version,
        "ttl_minutes": draft.ttl_minutes,
        "expires_at": now_seconds + draft.ttl_minutes * 60 if draft.ttl_minutes is not None else None,
    }


def _rows(connection: Connection, query: Select[Any], ids: Sequence[int]) -> Iterator[Row[Any]]:
    for part in parts(ids):
        yield from connection.execute(query.where(items.c.id.in_(part)))


def _path(path: Path) -> str:
    """Labels as JSON strings, each closed by a comma: one path is below another if its text starts with it."""
    return "".join(f"{json.dumps(label)}," for label in path)


def _labels(path: str) -> Path:
    return tuple(json.loads(f"[{path.rstrip(',')}]")) if path else ()


def stored(row: Any) -> StoredItem:
    """The item in a row of the table."""
    return StoredItem(
        id=row.id,
        path=_labels(row.path),
        key=json.loads(row.key),
        value=json.loads(row.value),
        created_at=datetime.fromisoformat(row.created_at),
        updated_at=datetime.fromisoformat(row.updated_at),
    )
