"""Ledger: the source of truth. Append-only events and current rows, written in one transaction.

Every index is a view of it and can be rebuilt from it. A write is acknowledged when its transaction has been
committed to disk. Several processes may share a ledger.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select

from pilotage.common.text import carriable
from pilotage.memory.concept import Concept
from pilotage.memory.errors import NewerSchema
from pilotage.memory.ledger import schema
from pilotage.memory.ledger.bounds import parts
from pilotage.memory.ledger.changes import Changes
from pilotage.memory.ledger.database import Database
from pilotage.memory.ledger.migrations import prepare
from pilotage.memory.ledger.schema import concepts, events, meta, vectors

# Made once: to build it at every search takes five times as long as to run it.
_INDEX_VERSION = select(
    select(meta.c.value).where(meta.c.key == "embedder").scalar_subquery().label("embedder"),
    select(func.max(concepts.c.changed_seq))
    .where(concepts.c.namespace == bindparam("namespace"))
    .scalar_subquery()
    .label("last"),
)

Action = Literal[
    "added", "revised", "merged", "retired", "restored", "promoted", "vouched", "disputed", "outcome", "undone"
]


class Attribution(TypedDict, total=False):
    """Who makes a change (`actor`), why (`cause`), and in which run: what every method that writes takes besides."""

    actor: str
    cause: str
    run: str


@dataclass(frozen=True)
class By:
    """Who makes a change, why (for example a task id), and in which run."""

    actor: str = "user"
    cause: str = ""
    run: str = ""

    def __post_init__(self) -> None:
        for name in ("actor", "cause", "run"):
            object.__setattr__(self, name, carriable(getattr(self, name)))


@dataclass(frozen=True)
class Event:
    """One line of a concept's history.

    Attributes:
        body: the concept after the event, or what else the event carried.
        changes: field to [before, after]; empty for `added`.
    """

    seq: int
    at: str
    actor: str
    cause: str
    concept_id: str
    action: Action
    body: dict[str, Any]
    run: str = ""
    changes: Changes = field(default_factory=dict)

    @property
    def undoes(self) -> int | None:
        """Number of the event that this one took back."""
        return int(self.body["undoes"]) if self.action == "undone" else None


@dataclass(frozen=True)
class VectorRow:
    """A concept as an index sees it: its vector, or None when it is retired or not embedded by this embedder."""

    id: str
    changed_seq: int
    active: bool
    vector: bytes | None


@dataclass(frozen=True)
class IndexVersion:
    """Which embedder the ledger is bound to, as stored, and the last event that changed what a search may return."""

    embedder: str | None
    last_change: int


class Ledger:
    """Reads and writes of the concept tables.

    Methods take a connection from `read()` or `write()`, so that several of them make one transaction.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        prepare(database)
        with database.read() as connection:
            self.id = self.meta(connection, "ledger_id") or ""

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent snapshot of the ledger."""
        with self.database.read() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One durable transaction. Writers take turns, so event numbers grow in the order of commits."""
        with self.database.write() as connection:
            version = connection.scalar(select(meta.c.value).where(meta.c.key == "schema_version").with_for_update())
            if version != str(schema.SCHEMA_VERSION):
                raise NewerSchema(
                    f"the concept ledger {self.database.name} was moved to schema {version} by another pilotage while "
                    "it was open here: close it, upgrade pilotage, and open it again"
                )
            yield connection

    @property
    def dialect(self) -> str:
        """Kind of database: `sqlite`, `postgresql`, ..."""
        return self.database.dialect

    @property
    def name(self) -> str:
        """File or database, for messages."""
        return self.database.name

    def close(self) -> None:
        """Close every connection."""
        self.database.close()

    def meta(self, connection: Connection, key: str) -> str | None:
        """A fact about the whole ledger, None when it was never set."""
        return connection.scalar(select(meta.c.value).where(meta.c.key == key))

    def set_meta(self, connection: Connection, key: str, value: str) -> None:
        """Record a fact about the whole ledger."""
        connection.execute(delete(meta).where(meta.c.key == key))
        connection.execute(insert(meta).values(key=key, value=value))

    def put_vectors(self, connection: Connection, embedder: str, data: Mapping[str, bytes]) -> None:
        """Replace every vector of some concepts by this one, by concept id: older ones described an older text."""
        for part in parts(data):
            connection.execute(delete(vectors).where(vectors.c.concept_id.in_(part)))
            lines = [{"concept_id": id_, "embedder": embedder, "data": data[id_]} for id_ in part]
            connection.execute(insert(vectors), lines)

    def add_vectors(self, connection: Connection, embedder: str, data: dict[str, bytes]) -> None:
        """Add vectors of another embedder beside the present ones, while a reindex is under way."""
        if not data:
            return
        ids = list(data)
        connection.execute(delete(vectors).where(vectors.c.embedder == embedder, vectors.c.concept_id.in_(ids)))
        connection.execute(
            insert(vectors), [{"concept_id": id_, "embedder": embedder, "data": data[id_]} for id_ in ids]
        )

    def drop_other_vectors(self, connection: Connection, embedder: str) -> None:
        """Forget the vectors of every embedder but this one."""
        connection.execute(delete(vectors).where(vectors.c.embedder != embedder))

    def get(self, connection: Connection, namespace: str | None, ids: Sequence[str]) -> dict[str, Concept]:
        """The concepts with these ids, retired ones included; unknown ids are left out. None: any namespace."""
        query = select(concepts.c.body)
        there = (id_ for id_ in ids if "\0" not in id_)  # which PostgreSQL cannot even be asked for
        rows = (body for part in parts(there) for body in connection.scalars(query.where(concepts.c.id.in_(part))))
        found = map(Concept.stored, rows)
        # Not left to SQL: given a namespace, SQLite reads all of it instead of looking the ids up.
        return {concept.id: concept for concept in found if namespace in (None, concept.namespace)}

    def by_hash(self, connection: Connection, namespace: str, content_hash: str) -> Concept | None:
        """The concept with exactly this content, if there is one."""
        body = connection.scalar(
            select(concepts.c.body).where(concepts.c.namespace == namespace, concepts.c.content_hash == content_hash)
        )
        return Concept.stored(body) if body is not None else None

    def every(
        self, connection: Connection, namespace: str | None = None, *, retired: bool = False
    ) -> Iterator[Concept]:
        """Every concept, oldest first; of all namespaces when none is given."""
        query = select(concepts.c.body).order_by(concepts.c.added_seq)
        if namespace is not None:
            query = query.where(concepts.c.namespace == namespace)
        if retired:
            query = query.where(concepts.c.content_hash.not_like(schema.WITHDRAWN_HASHES))
        else:
            query = query.where(concepts.c.status != "retired")
        for body in connection.scalars(query):
            yield Concept.stored(body)

    def every_numbered(self, connection: Connection) -> Iterator[tuple[int, Concept]]:
        """Every active concept of all namespaces with the number of its `added` event, oldest first."""
        query = select(concepts.c.added_seq, concepts.c.body).order_by(concepts.c.added_seq)
        for seq, body in connection.execute(query.where(concepts.c.status != "retired")):
            yield seq, Concept.stored(body)

    def count(self, connection: Connection, namespace: str) -> int:
        """How many concepts are not retired."""
        query = select(func.count()).where(concepts.c.namespace == namespace, concepts.c.status != "retired")
        return int(connection.scalar(query) or 0)

    def is_empty(self, connection: Connection, namespace: str) -> bool:
        """Whether every concept is retired, or there is none."""
        query = select(concepts.c.id).where(concepts.c.namespace == namespace, concepts.c.status != "retired")
        return connection.scalar(query.limit(1)) is None

    def history(self, connection: Connection, namespace: str, concept_id: str) -> list[Event]:
        """Every event of a concept, oldest first."""
        return self.histories(connection, namespace, [concept_id])[concept_id]

    def histories(self, connection: Connection, namespace: str, ids: Iterable[str]) -> dict[str, list[Event]]:
        """Every event of these concepts by concept id, oldest first."""
        found: dict[str, list[Event]] = {id_: [] for id_ in ids}
        query = select(events).where(events.c.namespace == namespace).order_by(events.c.seq)
        for part in parts(found):
            for row in connection.execute(query.where(events.c.concept_id.in_(part))):
                found[row.concept_id].append(event_of(row))
        return found

    def index_version(self, connection: Connection, namespace: str) -> IndexVersion:
        """What a search has to know of the ledger, in one statement."""
        row = connection.execute(_INDEX_VERSION, {"namespace": namespace}).one()
        return IndexVersion(row.embedder, int(row.last or 0))

    def last_change(self, connection: Connection, namespace: str) -> int:
        """Number of the last event that changed what a search may return; 0 for none."""
        query = select(func.max(concepts.c.changed_seq)).where(concepts.c.namespace == namespace)
        return int(connection.scalar(query) or 0)

    def changes(
        self, connection: Connection, namespace: str, embedder: str, since: int, limit: int | None = None
    ) -> list[VectorRow]:
        """What an index has to catch up with after event `since`, in order; the first `limit` of it."""
        query = (
            select(concepts.c.id, concepts.c.changed_seq, concepts.c.status, vectors.c.data)
            .outerjoin(vectors, (vectors.c.concept_id == concepts.c.id) & (vectors.c.embedder == embedder))
            .where(concepts.c.namespace == namespace, concepts.c.changed_seq > since)
            .order_by(concepts.c.changed_seq)
            .limit(limit)
        )
        return [
            VectorRow(id_, seq, status != "retired", data) for id_, seq, status, data in connection.execute(query).all()
        ]

    def vectors(self, connection: Connection, embedder: str, ids: Sequence[str]) -> dict[str, bytes]:
        """Stored vectors of these concepts by this embedder."""
        query = select(vectors.c.concept_id, vectors.c.data).where(vectors.c.embedder == embedder)
        return {
            row.concept_id: row.data
            for part in parts(ids)
            for row in connection.execute(query.where(vectors.c.concept_id.in_(part)))
        }


def event_of(row: Row[Any]) -> Event:
    """The event in a row of the table."""
    changes = json.loads(row.changes) if row.changes else {}
    return Event(
        row.seq, row.at, row.actor, row.cause, row.concept_id, row.action, json.loads(row.body), row.run, changes
    )
