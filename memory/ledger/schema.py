"""Tables of the ledger, and the version of their layout.

`events` is append-only and is the history; `concepts` holds the current row of each concept; `vectors` keeps
every concept's embedding beside it, so that an index is rebuilt without embedding again. A write changes all
of them in one transaction. Only portable SQL is used here: SQLite and PostgreSQL run the same statements.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
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

SCHEMA_VERSION = 3

# SQLite only numbers rows by itself when the key's type is exactly INTEGER.
_Sequence = BigInteger().with_variant(Integer, "sqlite")

# A concept whose adding was undone keeps its row, for the indexes to notice, and gives up its claim to its content.
WITHDRAWN_HASHES = "undone:%"


def withdrawn_hash(concept_id: str) -> str:
    """What stands for the content hash of a concept that counts as never added."""
    return f"undone:{concept_id}"


def pending_hash(concept_id: str) -> str:
    """What stands for the content hash within a transaction of several events of a concept, until the last of them."""
    return f"pending:{concept_id}"


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
    Column("run", Text, nullable=False, server_default="", index=True),
    # What the event changed, as JSON {"field": [before, after]}: undo and the view of an earlier moment read it.
    Column("changes", Text),
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
    Index("concepts_by_status", "namespace", "status"),
)

vectors = Table(
    "vectors",
    metadata,
    Column("concept_id", String(40), ForeignKey("concepts.id"), primary_key=True),
    Column("embedder", String(120), primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

# What LangGraph agents keep through `pilotage.memory.adapters.langgraph.store`. `namespace` is the tenant, as above;
# `path` is LangGraph's own namespace. Paths and keys are written as JSON strings, so they are ASCII and sort by their
# bytes in every database.
_Ascii = Text().with_variant(Text(collation="C"), "postgresql")

items = Table(
    "items",
    metadata,
    Column("id", _Sequence, primary_key=True, autoincrement=True),
    Column("namespace", Text, nullable=False),
    Column("path", _Ascii, nullable=False),
    Column("key", _Ascii, nullable=False),
    Column("value", Text, nullable=False),
    Column("fields", Text),  # JSON list of the paths that a search sees; null for none
    Column("created_at", String(40), nullable=False),
    Column("updated_at", String(40), nullable=False),
    Column("ttl_minutes", Float),
    Column("expires_at", Float),  # seconds since 1970
    # Number of the transaction that last touched the item or its vectors: what a search has to read again.
    Column("version", _Sequence, nullable=False, server_default="0"),
    UniqueConstraint("namespace", "path", "key"),
    Index("items_by_version", "namespace", "version"),
    sqlite_autoincrement=True,
)

item_vectors = Table(
    "item_vectors",
    metadata,
    Column("item_id", _Sequence, ForeignKey("items.id", ondelete="CASCADE"), primary_key=True),
    Column("embedder", String(120), nullable=False),
    Column("data", LargeBinary, nullable=False),  # one vector after the other, one for each text of the item
)
