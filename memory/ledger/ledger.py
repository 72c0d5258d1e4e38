"""Ledger: the source of truth. Append-only events and current rows, written in one transaction.

Every index is a view of it and can be rebuilt from it. A write is acknowledged when its transaction has been
committed to disk. Several processes may share a ledger.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypedDict

from sqlalchemy import Connection, Row, delete, false, func, insert, select

from pilotage.common.text import carriable
from pilotage.memory.concept import Concept
from pilotage.memory.embedders.embedder import EmbedderIdentity
from pilotage.memory.errors import InvalidArgument, NamespaceErased, NewerSchema
from pilotage.memory.ledger.bounds import parts
from pilotage.memory.ledger.changes import Changes
from pilotage.memory.ledger.database import Database
from pilotage.memory.ledger.erasures import times_erased
from pilotage.memory.ledger.migrations import prepare
from pilotage.memory.ledger.schema import SCHEMA_VERSION, WITHDRAWN_HASHES, concepts, events, meta, vectors

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
        for name, value in vars(self).items():
            if not isinstance(value, str):
                raise InvalidArgument(f"{name} is {value!r}: give a text, or leave it out")
            object.__setattr__(self, name, carriable(value))

    @classmethod
    def named(cls, by: Attribution, *, actor: str = "user") -> By:
        """Those that a caller named. Raises TypeError for anything else, as Python does for unknown keywords."""
        unknown = next((name for name in by if name not in Attribution.__optional_keys__), None)
        if unknown is not None:
            raise TypeError(f"unexpected keyword argument '{unknown}': actor, cause and run tell who changes a memory")
        named: Attribution = {"actor": actor, **by}
        return cls(**named)


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


class Ledger:
    """Reads and writes of the concept tables.

    Methods take a connection from `read()` or `write()`, so that several of them make one transaction.
    """

    def __init__(self, database: Database) -> None:
        prepare(database)
        self.database = database
        self.name, self.dialect = database.name, database.dialect
        self.read, self.close = database.read, database.close
        with database.read() as connection:
            self.id = self.meta(connection, "ledger_id") or ""
        self._guarded: tuple[str, int] | None = None

    def guard(self, namespace: str) -> None:
        """From now on write only as long as this namespace is not erased."""
        with self.read() as connection:
            self._guarded = namespace, times_erased(connection, namespace)

    def is_erased(self, connection: Connection) -> bool:
        """Whether the guarded namespace was erased since."""
        if self._guarded is None:
            return False
        namespace, times = self._guarded
        return times_erased(connection, namespace) != times

    @contextmanager
    def write(self, *, erases: bool = False) -> Iterator[Connection]:
        """One durable transaction. Writers take turns, so event numbers grow in the order of commits.

        Raises:
            NamespaceErased: the guarded namespace was erased since, unless it is to be erased once more.
        """
        with self.database.write() as connection:
            version = connection.scalar(select(meta.c.value).where(meta.c.key == "schema_version").with_for_update())
            if version != str(SCHEMA_VERSION):
                raise NewerSchema(
                    f"the concept ledger {self.database.name} was moved to schema {version} by another pilotage while "
                    "it was open here: close it, upgrade pilotage, and open it again"
                )
            if not erases and self.is_erased(connection):
                raise NamespaceErased(
                    "this namespace was erased after it was opened here, so nothing is written to it any more: open "
                    "the memory again to begin anew"
                )
            yield connection

    def require_writable(self) -> None:
        """Raises LedgerReadOnly for a file that cannot be written, before what takes long is done for it."""
        if self.dialect == "sqlite":
            with self.write() as connection:
                connection.execute(delete(meta).where(false()))  # a transaction may begin where none can write

    def meta(self, connection: Connection, key: str) -> str | None:
        """A fact about the whole ledger, None when it was never set."""
        return connection.scalar(select(meta.c.value).where(meta.c.key == key))

    def set_meta(self, connection: Connection, key: str, value: str) -> None:
        """Record a fact about the whole ledger."""
        connection.execute(delete(meta).where(meta.c.key == key))
        connection.execute(insert(meta).values(key=key, value=value))

    def embedder(self, connection: Connection) -> EmbedderIdentity | None:
        """The embedder that the ledger is bound to, None before its first vector."""
        return EmbedderIdentity.stored(self.meta(connection, "embedder"))

    def bind(self, connection: Connection, identity: EmbedderIdentity) -> None:
        """Let the ledger's vectors be those of an embedder."""
        self.set_meta(connection, "embedder", json.dumps(identity.as_dict()))

    def put_vectors(
        self, connection: Connection, embedder: str, data: Mapping[str, bytes], *, beside: bool = False
    ) -> None:
        """Store a vector for each concept id, in place of every older one; `beside` those of other embedders."""
        for part in parts(data):
            old = delete(vectors).where(vectors.c.concept_id.in_(part))
            connection.execute(old.where(vectors.c.embedder == embedder) if beside else old)
            lines = [{"concept_id": id_, "embedder": embedder, "data": data[id_]} for id_ in part]
            connection.execute(insert(vectors), lines)

    def get(self, connection: Connection, namespace: str | None, ids: Sequence[str]) -> dict[str, Concept]:
        """The concepts with these ids, retired ones included; unknown ids are left out. None: any namespace."""
        query = select(concepts.c.body)
        there = (id_ for id_ in ids if "\0" not in id_)  # which PostgreSQL cannot even be asked for
        rows = (body for part in parts(there) for body in connection.scalars(query.where(concepts.c.id.in_(part))))
        stored = map(Concept.stored, rows)
        # Not left to SQL: given a namespace, SQLite reads all of it instead of looking the ids up.
        return {concept.id: concept for concept in stored if namespace in (None, concept.namespace)}

    def titles(self, connection: Connection, namespace: str, ids: Iterable[str]) -> dict[str, str]:
        """Titles of these concepts by id; without those that are unknown or cannot be read."""
        query = select(concepts.c.body).where(concepts.c.namespace == namespace)
        bodies = (
            body
            for part in parts(id_ for id_ in dict.fromkeys(ids) if "\0" not in id_)
            for body in connection.scalars(query.where(concepts.c.id.in_(part)))
        )
        return {concept.id: concept.title for concept in map(Concept.readable, bodies) if concept is not None}

    def every(self, connection: Connection, namespace: str, *, retired: bool = False) -> Iterator[Concept]:
        """Every concept, oldest first."""
        shown = concepts.c.content_hash.not_like(WITHDRAWN_HASHES) if retired else concepts.c.status != "retired"
        query = select(concepts.c.body).where(concepts.c.namespace == namespace, shown)
        for body in connection.scalars(query.order_by(concepts.c.added_seq)):
            yield Concept.stored(body)

    def count(self, connection: Connection, namespace: str) -> int:
        """How many concepts are not retired."""
        query = select(func.count()).where(concepts.c.namespace == namespace, concepts.c.status != "retired")
        return int(connection.scalar(query) or 0)

    def is_empty(self, connection: Connection, namespace: str) -> bool:
        """Whether every concept is retired, or there is none."""
        query = select(concepts.c.id).where(concepts.c.namespace == namespace, concepts.c.status != "retired")
        return connection.scalar(query.limit(1)) is None

    def histories(self, connection: Connection, namespace: str, ids: Iterable[str]) -> dict[str, list[Event]]:
        """Every event of these concepts by concept id, oldest first."""
        history_of: dict[str, list[Event]] = {id_: [] for id_ in ids}
        query = select(events).where(events.c.namespace == namespace).order_by(events.c.seq)
        for part in parts(history_of):
            for row in connection.execute(query.where(events.c.concept_id.in_(part))):
                history_of[row.concept_id].append(event_of(row))
        return history_of

    def times(self, connection: Connection, namespace: str, ids: Iterable[str]) -> dict[str, tuple[datetime, datetime]]:
        """When the first and the last event of these concepts happened, by concept id; no event is read whole."""
        bounds = select(
            events.c.concept_id, func.min(events.c.seq).label("first"), func.max(events.c.seq).label("last")
        )
        bounds = bounds.where(events.c.namespace == namespace).group_by(events.c.concept_id)
        first, last = events.alias("first_event"), events.alias("last_event")
        times_of = {}
        for part in parts(set(ids)):
            of = bounds.where(events.c.concept_id.in_(part)).subquery()
            query = select(of.c.concept_id, first.c.at.label("since"), last.c.at.label("until"))
            query = query.join(first, first.c.seq == of.c.first).join(last, last.c.seq == of.c.last)
            for row in connection.execute(query):
                times_of[row.concept_id] = datetime.fromisoformat(row.since), datetime.fromisoformat(row.until)
        return times_of

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
