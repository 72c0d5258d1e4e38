"""KeywordIndex: finds concepts by words, in the database of the ledger; a rebuildable view of the ledger.

It is one table, written in the ledger's transactions, so it cannot drift; if the table is missing it is built anew at
open. SQLite and PostgreSQL have one each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import islice

from sqlalchemy import Connection, TextClause, select, text

from pilotage.memory.concept import Concept
from pilotage.memory.ledger.ledger import Ledger
from pilotage.memory.ledger.schema import concepts
from pilotage.memory.search.drift import Drift
from pilotage.memory.search.rare_words import RareWords

TABLE = "concept_words"
_BATCH = 1000


class KeywordIndex(ABC):
    """The words of every active concept; subclasses say what the table looks like, and search it.

    Their statements take `seq` (of the `added` event), `id`, `namespace` and `body`, as far as they need them.
    """

    _counting: tuple[str, ...]  # what `RareWords` takes
    _create: tuple[TextClause, ...]
    _insert: TextClause
    _delete: TextClause
    _replace: TextClause

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._rare = RareWords(*self._counting)
        with ledger.read() as connection:
            exists = connection.dialect.has_table(connection, TABLE)
        if not exists:
            self._build(anew=False)

    def rebuild(self) -> None:
        """Build the index from the ledger's current rows."""
        self._build(anew=True)

    def put_all(self, connection: Connection, changed: Sequence[Concept]) -> None:
        """Bring concepts up to date, none of them twice, within the transaction that changes them."""
        connection.execute(self._delete, [{"id": concept.id} for concept in changed])
        self._insert_active(connection, self._replace, [(0, concept) for concept in changed])

    def put_new(self, connection: Connection, new: Sequence[tuple[int, Concept]]) -> None:
        """Add concepts that the index does not hold, each with the number of its `added` event."""
        self._insert_active(connection, self._insert, new)

    @abstractmethod
    def search(self, connection: Connection, namespace: str, query: str, limit: int) -> list[str]:
        """Ids of the concepts that share words with the query, best first."""

    def _insert_active(
        self, connection: Connection, statement: TextClause, numbered: Sequence[tuple[int, Concept]]
    ) -> None:
        rows = [
            {"seq": seq, "id": concept.id, "namespace": concept.namespace, "body": concept.search_text}
            for seq, concept in numbered
            if concept.status != "retired"
        ]
        if rows:
            connection.execute(statement, rows)

    def _build(self, *, anew: bool) -> None:
        with self._ledger.write() as connection:
            if not anew and connection.dialect.has_table(connection, TABLE):
                return  # another process was faster
            connection.execute(text(f"DROP TABLE IF EXISTS {TABLE}"))
            for statement in self._create:
                connection.execute(statement)
            query = select(concepts.c.added_seq, concepts.c.body).where(concepts.c.status != "retired")
            rows = connection.execute(query.order_by(concepts.c.added_seq))
            while batch := list(islice(rows, _BATCH)):
                read = [(seq, Concept.readable(body)) for seq, body in batch]
                self.put_new(connection, [(seq, concept) for seq, concept in read if concept is not None])


def open_keyword_index(ledger: Ledger) -> KeywordIndex:
    """The keyword index of the ledger's database, built if it is not there."""
    if ledger.dialect == "sqlite":
        from pilotage.memory.search.keywords_sqlite import SqliteKeywords

        return SqliteKeywords(ledger)
    from pilotage.memory.search.keywords_postgres import PostgresKeywords

    return PostgresKeywords(ledger)


def drift(connection: Connection) -> Drift:
    """Where the keyword index differs from the active concepts of all namespaces."""
    indexed = set(connection.scalars(text(f"SELECT concept_id FROM {TABLE}")))
    active = set(connection.scalars(select(concepts.c.id).where(concepts.c.status != "retired")))
    return Drift(tuple(sorted(active - indexed)), tuple(sorted(indexed - active)))
