"""Keyword index on PostgreSQL: full-text search with stemming, a GIN index, ranked by `ts_rank`."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from memory.concept import Concept
from memory.keyword_table import KeywordTable
from memory.words import content_words

_MAX_TERMS = 32
_BY_LENGTH = 1  # ts_rank divides by 1 + log(length), so that a long text does not win by its length

_INSERT = text(
    "INSERT INTO concept_words (concept_id, namespace, words) VALUES (:id, :namespace, to_tsvector('english', :body)) "
    "ON CONFLICT (concept_id) DO UPDATE SET words = excluded.words"
)


class PostgresKeywords(KeywordTable):
    """Implements `memory.lexical.KeywordIndex`."""

    def _create(self, connection: Connection) -> None:
        connection.execute(
            text(
                "CREATE TABLE concept_words ("
                "concept_id VARCHAR(40) PRIMARY KEY, namespace TEXT NOT NULL, words TSVECTOR NOT NULL)"
            )
        )
        connection.execute(text("CREATE INDEX concept_words_gin ON concept_words USING GIN (words)"))

    def put(self, connection: Connection, concept: Concept) -> None:
        """Bring one concept up to date, within the transaction that changes it."""
        if concept.status == "retired":
            connection.execute(text("DELETE FROM concept_words WHERE concept_id = :id"), {"id": concept.id})
            return
        self.put_new(connection, [(0, concept)])

    def put_new(self, connection: Connection, new: Sequence[tuple[int, Concept]]) -> None:
        """Add concepts, or replace their words."""
        rows = [
            {"id": concept.id, "namespace": concept.namespace, "body": concept.search_text}
            for _, concept in new
            if concept.status != "retired"
        ]
        if rows:
            connection.execute(_INSERT, rows)

    def search(self, connection: Connection, namespace: str, query: str, limit: int) -> list[str]:
        """Ids of the concepts that share words with the query, best first."""
        words = list(dict.fromkeys(content_words(query)))[:_MAX_TERMS]
        if not words:
            return []
        rows = connection.execute(
            text(
                "SELECT concept_id FROM concept_words, to_tsquery('english', :wanted) AS wanted "
                "WHERE words @@ wanted AND namespace = :namespace "
                "ORDER BY ts_rank(words, wanted, :weighing) DESC, concept_id LIMIT :limit"
            ),
            {
                # Each word is quoted, so nothing in the query acts as an operator.
                "wanted": " | ".join(f"'{word}'" for word in words),
                "namespace": namespace,
                "weighing": _BY_LENGTH,
                "limit": limit,
            },
        )
        return [row.concept_id for row in rows]
