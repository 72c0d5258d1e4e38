"""Ledger: the source of truth. Append-only events and current rows, written in one transaction.

Every index is a view of it and can be rebuilt from it. A write is acknowledged when its transaction has been
committed to disk. Several processes may share a ledger.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, delete, func, insert, select, update

from memory import schema
from memory.concept import Concept, now
from memory.database import Database
from memory.errors import LedgerError, NewerSchema
from memory.schema import concepts, events, meta, vectors

Action = Literal["added", "revised", "merged", "retired", "restored", "outcome"]


@dataclass(frozen=True)
class Event:
    """One line of a concept's history. `body` is the concept after the event, or what else the event carried."""

    seq: int
    at: str
    actor: str
    cause: str
    concept_id: str
    action: Action
    body: dict[str, Any]


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
        self._database = database
        with database.read() as connection:
            exists = database_has_tables(connection)
        if not exists:
            with database.write() as connection:
                _create(connection)
        with database.read() as connection:
            self._check_version(connection)
            self.id = self.meta(connection, "ledger_id") or ""

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent snapshot of the ledger."""
        with self._database.read() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One durable transaction. Writers take turns, so event numbers grow in the order of commits."""
        with self._database.write() as connection:
            connection.execute(select(meta.c.value).where(meta.c.key == "schema_version").with_for_update())
            yield connection

    @property
    def is_sqlite(self) -> bool:
        """Whether the keyword index of SQLite is available."""
        return self._database.is_sqlite

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def meta(self, connection: Connection, key: str) -> str | None:
        """A fact about the whole ledger, None when it was never set."""
        return connection.scalar(select(meta.c.value).where(meta.c.key == key))

    def set_meta(self, connection: Connection, key: str, value: str) -> None:
        """Record a fact about the whole ledger."""
        connection.execute(delete(meta).where(meta.c.key == key))
        connection.execute(insert(meta).values(key=key, value=value))

    def append(
        self,
        connection: Connection,
        concept: Concept,
        action: Action,
        *,
        actor: str,
        cause: str,
        body: dict[str, Any] | None = None,
    ) -> int:
        """Record an event and make `concept` the current row; returns the event's number.

        Args:
            connection: from `write()`.
            concept: the concept as it is after the event.
            action: what happened.
            actor: who did it.
            cause: why, for example a task id.
            body: what the event carries, when that is not the whole concept.
        """
        done = connection.execute(
            insert(events).values(
                at=now().isoformat(),
                actor=actor,
                cause=cause,
                namespace=concept.namespace,
                concept_id=concept.id,
                action=action,
                body=json.dumps(concept.model_dump(mode="json") if body is None else body),
            )
        )
        key = done.inserted_primary_key
        assert key is not None, "an insert of one row returns its key"
        seq = int(key[0])
        row: dict[str, Any] = {
            "kind": concept.kind,
            "status": concept.status,
            "content_hash": concept.content_hash,
            "body": concept.model_dump_json(),
        }
        if action not in ("outcome", "merged"):
            row["changed_seq"] = seq
        if action == "added":
            connection.execute(
                insert(concepts).values(id=concept.id, namespace=concept.namespace, added_seq=seq, **row)
            )
        else:
            connection.execute(update(concepts).where(concepts.c.id == concept.id).values(**row))
        return seq

    def put_vector(self, connection: Connection, concept_id: str, embedder: str, data: bytes) -> None:
        """Replace every vector of a concept by this one: older ones described an older text."""
        connection.execute(delete(vectors).where(vectors.c.concept_id == concept_id))
        connection.execute(insert(vectors).values(concept_id=concept_id, embedder=embedder, data=data))

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
        query = select(concepts.c.body).where(concepts.c.id.in_(ids))
        if namespace is not None:
            query = query.where(concepts.c.namespace == namespace)
        found = map(Concept.model_validate_json, connection.scalars(query))
        return {concept.id: concept for concept in found}

    def by_hash(self, connection: Connection, namespace: str, content_hash: str) -> Concept | None:
        """The concept with exactly this content, if there is one."""
        body = connection.scalar(
            select(concepts.c.body).where(concepts.c.namespace == namespace, concepts.c.content_hash == content_hash)
        )
        return Concept.model_validate_json(body) if body is not None else None

    def every(
        self, connection: Connection, namespace: str | None = None, *, retired: bool = False
    ) -> Iterator[Concept]:
        """Every concept, oldest first; of all namespaces when none is given."""
        query = select(concepts.c.body).order_by(concepts.c.added_seq)
        if namespace is not None:
            query = query.where(concepts.c.namespace == namespace)
        if not retired:
            query = query.where(concepts.c.status != "retired")
        for body in connection.scalars(query):
            yield Concept.model_validate_json(body)

    def count(self, connection: Connection, namespace: str) -> int:
        """How many concepts are not retired."""
        query = select(func.count()).where(concepts.c.namespace == namespace, concepts.c.status != "retired")
        return int(connection.scalar(query) or 0)

    def history(self, connection: Connection, namespace: str, concept_id: str) -> list[Event]:
        """Every event of a concept, oldest first."""
        query = (
            select(events)
            .where(events.c.namespace == namespace, events.c.concept_id == concept_id)
            .order_by(events.c.seq)
        )
        return [
            Event(row.seq, row.at, row.actor, row.cause, row.concept_id, row.action, json.loads(row.body))
            for row in connection.execute(query)
        ]

    def last_change(self, connection: Connection, namespace: str) -> int:
        """Number of the last event that changed what a search may return; 0 for none."""
        query = select(func.max(concepts.c.changed_seq)).where(concepts.c.namespace == namespace)
        return int(connection.scalar(query) or 0)

    def changes(self, connection: Connection, namespace: str, embedder: str, since: int) -> list[VectorRow]:
        """What an index has to catch up with after event `since`, in order."""
        query = (
            select(concepts.c.id, concepts.c.changed_seq, concepts.c.status, vectors.c.data)
            .outerjoin(vectors, (vectors.c.concept_id == concepts.c.id) & (vectors.c.embedder == embedder))
            .where(concepts.c.namespace == namespace, concepts.c.changed_seq > since)
            .order_by(concepts.c.changed_seq)
        )
        return [
            VectorRow(row.id, row.changed_seq, row.status != "retired", row.data) for row in connection.execute(query)
        ]

    def vectors(self, connection: Connection, embedder: str, ids: Sequence[str]) -> dict[str, bytes]:
        """Stored vectors of these concepts by this embedder."""
        query = select(vectors.c.concept_id, vectors.c.data).where(
            vectors.c.embedder == embedder, vectors.c.concept_id.in_(ids)
        )
        return {row.concept_id: row.data for row in connection.execute(query)}

    def not_embedded(self, connection: Connection, embedder: str, limit: int) -> Iterable[Concept]:
        """Some concepts of any namespace that this embedder has not embedded yet."""
        done = select(vectors.c.concept_id).where(vectors.c.embedder == embedder)
        query = select(concepts.c.body).where(concepts.c.id.not_in(done)).order_by(concepts.c.added_seq).limit(limit)
        return [Concept.model_validate_json(body) for body in connection.scalars(query)]

    def _check_version(self, connection: Connection) -> None:
        version = self.meta(connection, "schema_version")
        if version is None or not version.isdigit():
            raise LedgerError(
                f"{self._database.name} holds no concept ledger: choose another folder or restore a backup"
            )
        if int(version) > schema.SCHEMA_VERSION:
            raise NewerSchema(
                f"the concept ledger {self._database.name} has schema {version} and this pilotage reads up to "
                f"{schema.SCHEMA_VERSION}: upgrade pilotage to open it"
            )


def database_has_tables(connection: Connection) -> bool:
    """Whether the ledger's tables are there."""
    return bool(connection.dialect.has_table(connection, "meta"))


def _create(connection: Connection) -> None:
    if database_has_tables(connection):  # another process was faster
        return
    schema.metadata.create_all(connection)
    facts = {"schema_version": str(schema.SCHEMA_VERSION), "ledger_id": uuid.uuid4().hex}
    connection.execute(insert(meta), [{"key": key, "value": value} for key, value in facts.items()])
