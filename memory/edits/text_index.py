"""Which stored concept says what a new one says, word for word: a view of the ledger that catches up alone.

It knows each concept's `text_key`. Whatever changes a concept's content raises its `changed_seq`, so a proposal first
reads what changed since the last one: nobody who writes to the ledger has to know of this table, and it may be dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from pilotage.memory.concept import Concept
from pilotage.memory.ledger.bounds import parts
from pilotage.memory.ledger.schema import concepts
from pilotage.memory.namespace import Namespace
from pilotage.memory.text.same_text import CANONICAL_FORM, text_key

_BATCH = 1000

_NAME = "concept_texts_{}"  # the form of its keys
_OUTDATED = [_NAME.format(form) for form in range(1, CANONICAL_FORM)]  # what earlier versions left
_metadata = sa.MetaData()
_texts = sa.Table(
    _NAME.format(CANONICAL_FORM),
    _metadata,
    sa.Column("concept_id", sa.String(40), primary_key=True),
    sa.Column("namespace", sa.Text, nullable=False),
    sa.Column("text_key", sa.String(64), nullable=False),
    sa.Column("changed_seq", sa.BigInteger, nullable=False),
    sa.Index(f"concept_texts_{CANONICAL_FORM}_by_key", "namespace", "text_key"),
    sa.Index(f"concept_texts_{CANONICAL_FORM}_by_change", "namespace", "changed_seq"),
)


def prepare(space: Namespace) -> None:
    """Catch up with the ledger in short transactions, so that none of them blocks other writers for long.

    A few changes are left for `ids`, which reads them within the write that asks.
    """
    with space.ledger.read() as connection:
        there = connection.dialect.has_table(connection, _texts.name)
        outdated = [name for name in _OUTDATED if connection.dialect.has_table(connection, name)]
        newer = _newer(space, connection, concepts.c.id).offset(_BATCH).limit(1) if there else None
        if newer is not None and not outdated and connection.scalar(newer) is None:
            return
    more = True
    while more:
        with space.ledger.write() as connection:
            _metadata.create_all(connection)
            for name in outdated:
                connection.execute(sa.text(f"DROP TABLE IF EXISTS {name}"))
            more = _catch_up(space, connection)


def ids(space: Namespace, connection: sa.Connection, keys: Iterable[str]) -> dict[str, str]:
    """Text key to the id of the active concept that says it, the oldest of several; within a write."""
    while _catch_up(space, connection):
        pass
    id_of: dict[str, str] = {}
    for part in parts(dict.fromkeys(keys)):
        query = (
            sa.select(_texts.c.text_key, concepts.c.id)
            .join(concepts, concepts.c.id == _texts.c.concept_id)
            .where(_texts.c.namespace == space.name, _texts.c.text_key.in_(part))
            .where(concepts.c.status != "retired")
            .order_by(concepts.c.added_seq.desc())
        )
        id_of.update((row.text_key, row.id) for row in connection.execute(query))
    return id_of


def _newer(space: Namespace, connection: sa.Connection, *columns: sa.Column[Any]) -> sa.Select[Any]:
    newest = sa.select(sa.func.max(_texts.c.changed_seq)).where(_texts.c.namespace == space.name)
    return (
        sa.select(*columns)
        .where(concepts.c.namespace == space.name)
        .where(concepts.c.changed_seq > (connection.scalar(newest) or 0))
        .order_by(concepts.c.changed_seq)
    )


def _key(body: str) -> str:
    """The text key of a row; one that no text has where the row cannot be read, which hinders no other concept."""
    concept = Concept.readable(body)
    return "" if concept is None else text_key(concept)


def _catch_up(space: Namespace, connection: sa.Connection) -> bool:
    """Read the next concepts that changed; whether there may be more."""
    query = _newer(space, connection, concepts.c.id, concepts.c.changed_seq, concepts.c.body).limit(_BATCH)
    rows = [
        {"concept_id": id, "namespace": space.name, "text_key": _key(body), "changed_seq": seq}
        for id, seq, body in connection.execute(query)
    ]
    for part in parts(row["concept_id"] for row in rows):
        connection.execute(sa.delete(_texts).where(_texts.c.concept_id.in_(part)))
    if rows:
        connection.execute(sa.insert(_texts), rows)
    return len(rows) == _BATCH
