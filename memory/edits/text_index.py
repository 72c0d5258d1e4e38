"""TextIndex: which stored concept says what a new one says, word for word. A view of the ledger that catches up alone.

It knows each concept's `text_key`. Whatever changes a concept's content raises its `changed_seq`, so a proposal first
reads what changed since the last one: nobody who writes to the ledger has to know of this table, and it may be dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    MetaData,
    Select,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
)

from pilotage.memory.concept import Concept
from pilotage.memory.ledger.bounds import parts
from pilotage.memory.ledger.ledger import Ledger
from pilotage.memory.ledger.schema import concepts
from pilotage.memory.text.same_text import CANONICAL_FORM, text_key

_BATCH = 1000

_metadata = MetaData()
_texts = Table(
    f"concept_texts_{CANONICAL_FORM}",
    _metadata,
    Column("concept_id", String(40), primary_key=True),
    Column("namespace", Text, nullable=False),
    Column("text_key", String(64), nullable=False),
    Column("changed_seq", BigInteger, nullable=False),
    Index(f"concept_texts_{CANONICAL_FORM}_by_key", "namespace", "text_key"),
    Index(f"concept_texts_{CANONICAL_FORM}_by_change", "namespace", "changed_seq"),
)


class TextIndex:
    """Looks concepts of one namespace up by what they say."""

    def __init__(self, ledger: Ledger, namespace: str) -> None:
        self._ledger = ledger
        self._namespace = namespace

    def prepare(self) -> None:
        """Catch up with the ledger in short transactions, so that none of them blocks other writers for long.

        A few changes are left for `ids`, which reads them within the write that asks.
        """
        with self._ledger.read() as connection:
            there = connection.dialect.has_table(connection, _texts.name)
            if there and connection.scalar(self._newer(connection, concepts.c.id).offset(_BATCH).limit(1)) is None:
                return
        more = True
        while more:
            with self._ledger.write() as connection:
                _metadata.create_all(connection)
                more = self._catch_up(connection) == _BATCH

    def ids(self, connection: Connection, keys: Iterable[str]) -> dict[str, str]:
        """Text key to the id of the active concept that says it, the oldest of several; within a write."""
        while self._catch_up(connection) == _BATCH:
            pass
        found: dict[str, str] = {}
        for part in parts(dict.fromkeys(keys)):
            query = (
                select(_texts.c.text_key, concepts.c.id)
                .join(concepts, concepts.c.id == _texts.c.concept_id)
                .where(_texts.c.namespace == self._namespace, _texts.c.text_key.in_(part))
                .where(concepts.c.status != "retired")
                .order_by(concepts.c.added_seq.desc())
            )
            found.update((row.text_key, row.id) for row in connection.execute(query))
        return found

    def _newer(self, connection: Connection, *columns: Column[Any]) -> Select[Any]:
        newest = select(func.max(_texts.c.changed_seq)).where(_texts.c.namespace == self._namespace)
        return (
            select(*columns)
            .where(concepts.c.namespace == self._namespace)
            .where(concepts.c.changed_seq > (connection.scalar(newest) or 0))
            .order_by(concepts.c.changed_seq)
        )

    def _catch_up(self, connection: Connection) -> int:
        """Read the next concepts that changed; returns how many."""
        query = self._newer(connection, concepts.c.id, concepts.c.changed_seq, concepts.c.body).limit(_BATCH)
        behind = connection.execute(query).all()
        for ids in parts(id_ for id_, _, _ in behind):
            connection.execute(delete(_texts).where(_texts.c.concept_id.in_(ids)))
        if behind:
            connection.execute(
                insert(_texts),
                [
                    {
                        "concept_id": id_,
                        "namespace": self._namespace,
                        "text_key": text_key(Concept.stored(body)),
                        "changed_seq": seq,
                    }
                    for id_, seq, body in behind
                ],
            )
        return len(behind)
