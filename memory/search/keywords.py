"""KeywordIndex: finds concepts by words, in the database of the ledger; a rebuildable view of the ledger.

It is written in the ledger's transactions, so it cannot drift; if its table is missing it is built anew at open. SQLite
and PostgreSQL have one each. Another database has none, and is searched by meaning alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, select, text

from pilotage.memory.concept import Concept
from pilotage.memory.ledger.ledger import Ledger
from pilotage.memory.ledger.schema import concepts

TABLE = "concept_words"


class KeywordIndex(Protocol):
    """The words of every active concept."""

    def rebuild(self) -> None:
        """Build the index from the ledger's current rows."""
        ...

    def put(self, connection: Connection, concept: Concept) -> None:
        """Bring one concept up to date, within the transaction that changes it."""
        ...

    def put_all(self, connection: Connection, changed: Sequence[Concept]) -> None:
        """`put` for many, none of them twice, in a few statements."""
        ...

    def put_new(self, connection: Connection, new: Sequence[tuple[int, Concept]]) -> None:
        """Add concepts that the index does not hold, each with the number of its `added` event."""
        ...

    def search(self, connection: Connection, namespace: str, query: str, limit: int) -> list[str]:
        """Ids of the concepts that share words with the query, best first."""
        ...


@dataclass(frozen=True)
class Drift:
    """How a keyword index differs from the ledger: ids that it lacks, and ids that it should not have."""

    missing: tuple[str, ...]
    surplus: tuple[str, ...]


def open_keyword_index(ledger: Ledger) -> KeywordIndex | None:
    """The keyword index of the ledger's database, built if it is not there; None where there is no such index."""
    if ledger.dialect == "sqlite":
        from pilotage.memory.search.keywords_sqlite import SqliteKeywords

        return SqliteKeywords(ledger)
    if ledger.dialect == "postgresql":
        from pilotage.memory.search.keywords_postgres import PostgresKeywords

        return PostgresKeywords(ledger)
    return None


def drift(connection: Connection) -> Drift:
    """Compare the keyword index with the active concepts of all namespaces."""
    indexed = set(connection.scalars(text(f"SELECT concept_id FROM {TABLE}")))
    active = set(connection.scalars(select(concepts.c.id).where(concepts.c.status != "retired")))
    return Drift(tuple(sorted(active - indexed)), tuple(sorted(indexed - active)))
