"""Keyword index on SQLite: FTS5 over the same texts that are embedded, ranked by BM25."""

from __future__ import annotations

from sqlalchemy import Connection, text

from pilotage.memory.search.keywords import KeywordIndex

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

    _counting = ("SELECT 1 FROM concept_words WHERE concept_words MATCH ?", '"')
    _create = (
        text(
            "CREATE VIRTUAL TABLE concept_words USING fts5("
            "concept_id UNINDEXED, namespace UNINDEXED, body, tokenize='porter unicode61')"
        ),
    )
    _insert = text(
        "INSERT INTO concept_words (rowid, concept_id, namespace, body) VALUES (:seq, :id, :namespace, :body)"
    )
    _delete = text("DELETE FROM concept_words WHERE rowid = (SELECT added_seq FROM concepts WHERE id = :id)")
    _replace = text(
        "INSERT INTO concept_words (rowid, concept_id, namespace, body) "
        "SELECT added_seq, id, namespace, :body FROM concepts WHERE id = :id"
    )

    def search(self, connection: Connection, namespace: str, query: str, limit: int) -> list[str]:
        """Ids of the concepts that share words with the query, best first."""
        version = connection.execute(_VERSION, {"namespace": namespace}).one()
        terms = self._rare.terms(connection, query, version.last or 0)
        if not terms.counts:
            return []
        match = (" AND " if terms.together else " OR ").join(map(self._rare.quoted, terms.counts))
        # Ranked over all namespaces first: reading the namespace of every match costs more than ranking it.
        wide = 4 * limit if version.shared else limit
        ranked = connection.execute(_BEST, {"match": match, "limit": wide}).all()
        mine = [row.id for row in ranked if row.namespace == namespace]
        if len(mine) < limit and len(ranked) == wide:
            rows = connection.execute(_BEST_OF_ONE, {"match": match, "namespace": namespace, "limit": limit})
            mine = [row.concept_id for row in rows]
        return mine[:limit]
