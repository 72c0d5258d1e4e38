"""Keyword index on PostgreSQL: full-text search with stemming and a GIN index.

PostgreSQL does not rank by how rare a word is, so that is done here, as BM25 does it on SQLite: the sum over the words
of a word's inverse document frequency times `ts_rank` for it alone, which grows less and less with the word's count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from sqlalchemy import Connection, text

from pilotage.memory.concept import Concept
from pilotage.memory.ledger.ledger import Ledger
from pilotage.memory.search.keywords import KeywordIndex
from pilotage.memory.search.rare_words import RareWords
from pilotage.memory.text.words import content_words

_BY_LENGTH = 1  # ts_rank divides by 1 + log(length), so that a long text does not win by its length

_INSERT = text(
    "INSERT INTO concept_words (concept_id, namespace, words) VALUES (:id, :namespace, to_tsvector('english', :body)) "
    "ON CONFLICT (concept_id) DO UPDATE SET words = excluded.words"
)
_LAST = text("SELECT max(seq) FROM events")
_BEST = text(
    "WITH terms AS MATERIALIZED (SELECT to_tsquery('english', word) AS term, weight "
    "FROM unnest(CAST(:words AS text[]), CAST(:weights AS float8[])) AS given (word, weight)) "
    "SELECT concept_id FROM concept_words "
    "CROSS JOIN LATERAL (SELECT sum(weight * ts_rank(words, term, :weighing)) AS score FROM terms) AS ranked "
    "WHERE words @@ to_tsquery('english', :wanted) AND namespace = :namespace "
    "ORDER BY score DESC, concept_id LIMIT :limit"
)


class PostgresKeywords(KeywordIndex):
    """`KeywordIndex` as a column of `tsvector`."""

    def __init__(self, ledger: Ledger) -> None:
        matches = "SELECT 1 FROM concept_words WHERE words @@ to_tsquery('english', %s)"
        self._rare = RareWords(matches, "'", "SELECT count(*) FROM concept_words")
        super().__init__(ledger)

    def _create(self, connection: Connection) -> None:
        connection.execute(
            text(
                "CREATE TABLE concept_words ("
                "concept_id VARCHAR(40) PRIMARY KEY, namespace TEXT NOT NULL, words TSVECTOR NOT NULL)"
            )
        )
        connection.execute(text("CREATE INDEX concept_words_gin ON concept_words USING GIN (words)"))

    def put_all(self, connection: Connection, changed: Sequence[Concept]) -> None:
        """Bring concepts up to date, within the transaction that changes them."""
        retired = [{"id": concept.id} for concept in changed if concept.status == "retired"]
        if retired:
            connection.execute(text("DELETE FROM concept_words WHERE concept_id = :id"), retired)
        self.put_new(connection, [(0, concept) for concept in changed])

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
        last = connection.scalar(_LAST) or 0
        wanted = self._rare.wanted(connection, content_words(query), last)
        if not wanted.counts:
            return []
        words = [self._rare.quoted(word) for word in wanted.counts]
        rows = connection.execute(
            _BEST,
            {
                "words": words,
                "weights": [_rarity(count, wanted.texts) for count in wanted.counts.values()],
                "wanted": (" & " if wanted.together else " | ").join(words),
                "namespace": namespace,
                "weighing": _BY_LENGTH,
                "limit": limit,
            },
        )
        return [row.concept_id for row in rows]


def _rarity(count: int, texts: int) -> float:
    """Inverse document frequency of a word that `count` of the texts have, as in BM25; always above zero."""
    return math.log1p((max(texts, count) - count + 0.5) / (count + 0.5))
