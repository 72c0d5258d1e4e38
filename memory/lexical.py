"""KeywordIndex: SQLite's FTS5 over the same texts that are embedded; a rebuildable view in the ledger's own file.

It is written in the ledger's transactions, so it cannot drift; if its table is missing it is built anew at
open.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from memory.concept import Concept
from memory.ledger import Ledger
from memory.words import content_words

_MAX_TERMS = 32


class KeywordIndex:
    """Finds concepts by words. Best match first, by BM25."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        with ledger.read() as connection:
            exists = connection.dialect.has_table(connection, "concept_words")
        if not exists:
            self.rebuild()

    def rebuild(self) -> None:
        """Build the index from the ledger's current rows."""
        with self._ledger.write() as connection:
            connection.execute(text("DROP TABLE IF EXISTS concept_words"))
            connection.execute(
                text(
                    "CREATE VIRTUAL TABLE concept_words USING fts5("
                    "concept_id UNINDEXED, namespace UNINDEXED, body, tokenize='porter unicode61')"
                )
            )
            for concept in self._ledger.every(connection):
                self.put(connection, concept)

    def put(self, connection: Connection, concept: Concept) -> None:
        """Bring one concept up to date, within the transaction that changes it."""
        connection.execute(
            text("DELETE FROM concept_words WHERE rowid = (SELECT added_seq FROM concepts WHERE id = :id)"),
            {"id": concept.id},
        )
        if concept.status != "retired":
            connection.execute(
                text(
                    "INSERT INTO concept_words (rowid, concept_id, namespace, body) "
                    "SELECT added_seq, id, namespace, :body FROM concepts WHERE id = :id"
                ),
                {"id": concept.id, "body": concept.search_text},
            )

    def search(self, connection: Connection, namespace: str, query: str, limit: int) -> list[str]:
        """Ids of the concepts that share words with the query, best first."""
        match = _any_word_of(query)
        if not match:
            return []
        rows = connection.execute(
            text(
                "SELECT concept_id FROM concept_words WHERE concept_words MATCH :match AND namespace = :namespace "
                "ORDER BY rank LIMIT :limit"
            ),
            {"match": match, "namespace": namespace, "limit": limit},
        )
        return [row.concept_id for row in rows]


def _any_word_of(query: str) -> str:
    """An FTS5 expression; every word is quoted, so nothing in the query acts as an operator."""
    terms = [f'"{word}"' for word in dict.fromkeys(content_words(query))]
    return " OR ".join(terms[:_MAX_TERMS])
