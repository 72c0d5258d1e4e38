"""Tables of the ledger, and the version of their layout.

`events` is append-only and is the history; `concepts` holds the current row of each concept; `vectors` keeps
every concept's embedding beside it, so that an index is rebuilt without embedding again. A write changes all
of them in one transaction. Only portable SQL is used here: SQLite and PostgreSQL run the same statements.
"""

from __future__ import annotations

import sqlalchemy as sa

SCHEMA_VERSION = 4

# SQLite only numbers rows by itself when the key's type is exactly INTEGER.
_Sequence = sa.BigInteger().with_variant(sa.Integer, "sqlite")

# A concept whose adding was undone keeps its row, for the indexes to notice, and gives up its claim to its content.
WITHDRAWN_HASHES = "undone:%"


def withdrawn_hash(concept_id: str) -> str:
    """What stands for the content hash of a concept that counts as never added."""
    return f"undone:{concept_id}"


def pending_hash(concept_id: str) -> str:
    """What stands for the content hash within a transaction of several events of a concept, until the last of them."""
    return f"pending:{concept_id}"


metadata = sa.MetaData()

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.String(40), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("seq", _Sequence, primary_key=True, autoincrement=True),
    sa.Column("at", sa.String(40), nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("namespace", sa.Text, nullable=False),
    sa.Column("concept_id", sa.String(40), nullable=False, index=True),
    sa.Column("action", sa.String(20), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("run", sa.Text, nullable=False, server_default="", index=True),
    # What the event changed, as JSON {"field": [before, after]}: undo and the view of an earlier moment read it.
    sa.Column("changes", sa.Text),
    sqlite_autoincrement=True,
)

concepts = sa.Table(
    "concepts",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("namespace", sa.Text, nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("content_hash", sa.String(64), nullable=False),
    # Number of the last event that changed what a search may return: what an index has to catch up with.
    sa.Column("changed_seq", _Sequence, nullable=False),
    # Number of the event that added it: the order of arrival, and the row number in the keyword index.
    sa.Column("added_seq", _Sequence, nullable=False, unique=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.UniqueConstraint("namespace", "content_hash"),
    sa.Index("concepts_by_change", "namespace", "changed_seq"),
    sa.Index("concepts_by_status", "namespace", "status"),
)

vectors = sa.Table(
    "vectors",
    metadata,
    sa.Column("concept_id", sa.String(40), sa.ForeignKey("concepts.id"), primary_key=True),
    sa.Column("embedder", sa.String(120), primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

# What was erased: it can be shown, and who still has the namespace open writes to it no more. The name is not kept:
# whoever knows it finds the line by its hash.
erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column("number", _Sequence, primary_key=True, autoincrement=True),
    sa.Column("digest", sa.String(64), nullable=False, index=True),
    sa.Column("below", sa.Boolean, nullable=False),  # whether every namespace below it was erased with it
    sa.Column("at", sa.String(40), nullable=False),
    sa.Column("counts", sa.Text, nullable=False),  # JSON: rows by table
    sa.Column("index_due", sa.Boolean, nullable=False),  # whether the index in the folder may still hold its vectors
    sqlite_autoincrement=True,
)

# What LangGraph agents keep through `pilotage.memory.adapters.langgraph.store`. `namespace` is the tenant, as above;
# `path` is LangGraph's own namespace. Paths and keys are written as JSON strings, so they are ASCII and sort by their
# bytes in every database.
_Ascii = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

items = sa.Table(
    "items",
    metadata,
    sa.Column("id", _Sequence, primary_key=True, autoincrement=True),
    sa.Column("namespace", sa.Text, nullable=False),
    sa.Column("path", _Ascii, nullable=False),
    sa.Column("key", _Ascii, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("fields", sa.Text),  # JSON list of the paths that a search sees; null for none
    sa.Column("created_at", sa.String(40), nullable=False),
    sa.Column("updated_at", sa.String(40), nullable=False),
    sa.Column("ttl_minutes", sa.Float),
    sa.Column("expires_at", sa.Float),  # seconds since 1970
    # Number of the transaction that last touched the item or its vectors: what a search has to read again.
    sa.Column("version", _Sequence, nullable=False, server_default="0"),
    sa.UniqueConstraint("namespace", "path", "key"),
    sa.Index("items_by_version", "namespace", "version"),
    sqlite_autoincrement=True,
)

item_vectors = sa.Table(
    "item_vectors",
    metadata,
    sa.Column("item_id", _Sequence, sa.ForeignKey("items.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("embedder", sa.String(120), nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),  # one vector after the other, one for each text of the item
)
