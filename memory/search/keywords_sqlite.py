"""Keyword index on SQLite: FTS5 over the same texts that are embedded, ranked by BM25."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from pilotage.memory.concept import Concept
from pilotage.memory.ledger.ledger import Ledger
from pilotage.memory.search.keywords import KeywordIndex
from pilotage.memory.search.rare_words import RareWords
from pilotage.memory.text.words import content_words

_INSERT = text("INSERT INTO concept_words (rowid, concept_id, namespace, body) VALUES (:seq, :id, :namespace, :body)")
_DELETE = text("DELETE FROM concept_words WHERE rowid = (SELECT added_seq FROM concepts WHERE id = :id)")
_REPLACE = text(
    "INSERT INTO concept_words (rowid, concept_id, namespace, body) "
    "SELECT added_seq, id, namespace, :body FROM concepts WHERE id = :id"
)
_BEST = text(
    "WITH best AS MATERIALIZED (SELECT rowid AS seq, rank AS score FROM concept_words "
    "WHERE concept_words MATCH :match ORDER BY rank LIMIT :limit) "
    "SELECT c.id, c.namespace FROM best JOIN concepts c ON c.added_seq = best.seq ORDER BY best.score"
)
_VERSION = text(
    "SELECT (SELECT max(seq) FROM events) AS last, EXISTS (SELECT 1 FROM concepts WHERE namespace < :namespace) "
    "OR EXISTS (SELECT 1 FROM concepts WHERE namespace > :namespace) AS shared"
)
_BEST_OF_ONE = text(
    "SELECT concept_id FROM concept_words WHERE concept_words MATCH :match AND namespace = :namespace "
    "ORDER BY rank LIMIT :limit"
)


class SqliteKeywords(KeywordIndex):
    """`KeywordIndex` as a virtual table."""

    def __init__(self, ledger: Ledger) -> None:
        self._rare = RareWords("SELECT 1 FROM concept_words WHERE concept_words MATCH ?", '"')
        super().__init__(ledger)

    def _create(self, connection: Connection) -> None:
        connection.execute(
            text(
                "CREATE VIRTUAL TABLE concept_words USING fts5("
                "concept_id UNINDEXED, namespace UNINDEXED, body, tokenize='porter unicode61')"
            )
        )

    def put_all(self, connection: Connection, changed: Sequence[Concept]) -> None:
        """Bring concepts up to date, within the transaction that changes them."""
        connection.execute(_DELETE, [{"id": concept.id} for concept in changed])
        active = [concept for concept in changed if concept.status != "retired"]
        if active:
            connection.execute(_REPLACE, [{"id": concept.id, "body": concept.search_text} for concept in active])

    def put_new(self, connection: Connection, new: Sequence[tuple[int, Concept]]) -> None:
        """Add concepts that the index does not hold, each with the number of its `added` event."""
        rows = [
            {"seq": seq, "id": concept.id, "namespace": concept.namespace, "body": concept.search_text}
            for seq, concept in new
            if concept.status != "retired"
        ]
        if rows:
            connection.execute(_INSERT, rows)

    def search(self, connection: Connection, namespace: str, query: str, limit: int) -> list[str]:
        """Ids of the concepts that share words with the query, best first."""
        version = connection.execute(_VERSION, {"namespace": namespace}).one()
        wanted = self._rare.wanted(connection, content_words(query), version.last or 0)
        if not wanted.counts:
            return []
        match = (" AND " if wanted.together else " OR ").join(map(self._rare.quoted, wanted.counts))
        # Ranked over all namespaces first: reading the namespace of every match costs more than ranking it.
        wide = 4 * limit if version.shared else limit
        ranked = connection.execute(_BEST, {"match": match, "limit": wide}).all()
        found = [row.id for row in ranked if row.namespace == namespace]
        if len(found) < limit and len(ranked) == wide:
            rows = connection.execute(_BEST_OF_ONE, {"match": match, "namespace": namespace, "limit": limit})
            found = [row.concept_id for row in rows]
        return found[:limit]
