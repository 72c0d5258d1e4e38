"""Tables of the ledger, and the version of their layout.

`events` is append-only and is the history; `concepts` holds the current row of each concept; `vectors` keeps
every concept's embedding beside it, so that an index is rebuilt without embedding again. A write changes all
of them in one transaction. Only portable SQL is used here: SQLite and PostgreSQL run the same statements.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

SCHEMA_VERSION = 1

# SQLite only numbers rows by itself when the key's type is exactly INTEGER.
_Sequence = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("key", String(40), primary_key=True),
    Column("value", Text, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("seq", _Sequence, primary_key=True, autoincrement=True),
    Column("at", String(40), nullable=False),
    Column("actor", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("namespace", Text, nullable=False),
    Column("concept_id", String(40), nullable=False, index=True),
    Column("action", String(20), nullable=False),
    Column("body", Text, nullable=False),
    sqlite_autoincrement=True,
)

concepts = Table(
    "concepts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("namespace", Text, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("content_hash", String(64), nullable=False),
    # Number of the last event that changed what a search may return: what an index has to catch up with.
    Column("changed_seq", _Sequence, nullable=False),
    # Number of the event that added it: the order of arrival, and the row number in the keyword index.
    Column("added_seq", _Sequence, nullable=False, unique=True),
    Column("body", Text, nullable=False),
    UniqueConstraint("namespace", "content_hash"),
    Index("concepts_by_change", "namespace", "changed_seq"),
)

vectors = Table(
    "vectors",
    metadata,
    Column("concept_id", String(40), ForeignKey("concepts.id"), primary_key=True),
    Column("embedder", String(120), primary_key=True),
    Column("data", LargeBinary, nullable=False),
)
