"""Keyword index on PostgreSQL: full-text search with stemming and a GIN index.

PostgreSQL does not rank by how rare a word is, so that is done here, as BM25 does it on SQLite: the sum over the words
of a word's inverse document frequency times `ts_rank` for it alone, which grows less and less with the word's count.
"""

from __future__ import annotations

import math

from sqlalchemy import Connection, text

from pilotage.memory.search.keywords import KeywordIndex

_BY_LENGTH = 1  # ts_rank divides by 1 + log(length), so that a long text does not win by its length

_LAST = text("SELECT max(seq) FROM events")
_BEST = text(
    "WITH terms AS MATERIALIZED (SELECT to_tsquery('english', word) AS term, weight "
    "FROM unnest(CAST(:words AS text[]), CAST(:weights AS float8[])) AS given (word, weight)) "
    "SELECT concept_id FROM concept_words "
    "CROSS JOIN LATERAL (SELECT sum(weight * ts_rank(words, term, :weighing)) AS score FROM terms) AS ranked "
    "WHERE words @@ to_tsquery('english', :query) AND namespace = :namespace "
    "ORDER BY score DESC, concept_id LIMIT :limit"
)


class PostgresKeywords(KeywordIndex):
    """`KeywordIndex` as a column of `tsvector`."""

    _counting = (
        "SELECT 1 FROM concept_words WHERE words @@ to_tsquery('english', %s)",
        "'",
        "SELECT count(*) FROM concept_words",
    )
    _create = (
        text(
            "CREATE TABLE concept_words ("
            "concept_id VARCHAR(40) PRIMARY KEY, namespace TEXT NOT NULL, words TSVECTOR NOT NULL)"
        ),
        text("CREATE INDEX concept_words_gin ON concept_words USING GIN (words)"),
    )
    _delete = text("DELETE FROM concept_words WHERE concept_id = :id")
    _insert = _replace = text(
        "INSERT INTO concept_words (concept_id, namespace, words) "
        "VALUES (:id, :namespace, to_tsvector('english', :body)) "
        "ON CONFLICT (concept_id) DO UPDATE SET words = excluded.words"
    )

    def search(self, connection: Connection, namespace: str, query: str, limit: int) -> list[str]:
        """Ids of the concepts that share words with the query, best first."""
        last = connection.scalar(_LAST) or 0
        terms = self._rare.terms(connection, query, last)
        if not terms.counts:
            return []
        words = [self._rare.quoted(word) for word in terms.counts]
        rows = connection.execute(
            _BEST,
            {
                "words": words,
                "weights": [_rarity(count, terms.texts) for count in terms.counts.values()],
                "query": (" & " if terms.together else " | ").join(words),
                "namespace": namespace,
                "weighing": _BY_LENGTH,
                "limit": limit,
            },
        )
        return [row.concept_id for row in rows]


def _rarity(count: int, texts: int) -> float:
    """Inverse document frequency of a word that `count` of the texts have, as in BM25; always above zero."""
    return math.log1p((max(texts, count) - count + 0.5) / (count + 0.5))
