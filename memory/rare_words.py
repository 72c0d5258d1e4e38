"""RareWords: which words of a query the keyword index should look for, so that a search stays fast in a large store.

BM25 has to score every text that holds any of the words. A word that stands in one text of fifty decides little and
costs most of the time: 150 ms for the prompt of a typical task at 100,000 texts, 1 ms without such words.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from sqlalchemy import Connection

_MOST_WORDS = 64
_MOST_TEXTS = 500  # scored for one search; a text costs about 2 microseconds
_GROWTH = 1.25  # of the table, after which its words are counted again


class RareWords:
    """Counts of texts by word in an FTS5 table, each counted once and no further than needed.

    Args:
        table: name of the FTS5 table.
    """

    def __init__(self, table: str) -> None:
        self._count = f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {table} MATCH ? LIMIT {_MOST_TEXTS + 1})"
        self._counts: dict[str, int] = {}
        self._size = 0
        self._lock = threading.Lock()

    def expression(self, connection: Connection, words: Sequence[str], size: int) -> str:
        """An FTS5 expression that matches about 500 texts at most, or an empty one when no text has a word.

        Every word is quoted, so nothing in a query acts as an operator. Where every word is frequent, texts with the
        two rarest of them are asked for.

        Args:
            connection: of the database that holds the table.
            words: content words of the query.
            size: how large the table is, in any unit that grows with it.
        """
        words = list(dict.fromkeys(words))[:_MOST_WORDS]
        counts = self._counted(connection, words, size)
        rarest = sorted((word for word in words if counts[word]), key=counts.__getitem__)
        chosen, texts = [], 0
        for word in rarest:
            texts += counts[word]
            if texts > _MOST_TEXTS:
                break
            chosen.append(word)
        if not chosen:
            return " AND ".join(map(_quoted, rarest[:2]))
        return " OR ".join(map(_quoted, chosen))

    def _counted(self, connection: Connection, words: Sequence[str], size: int) -> dict[str, int]:
        with self._lock:
            if not self._size <= size <= max(100, self._size * _GROWTH):
                self._counts, self._size = {}, size
            known = self._counts
            counts = {word: known[word] for word in words if word in known}
        new = [word for word in words if word not in counts]
        if new:
            statement = " UNION ALL ".join([f"SELECT ({self._count})"] * len(new))
            rows = connection.exec_driver_sql(statement, tuple(map(_quoted, new)))
            counts.update(zip(new, (row[0] for row in rows), strict=True))
            # A word that no text has is looked for again: the next write may bring it.
            known.update((word, counts[word]) for word in new if counts[word])
        return counts


def _quoted(word: str) -> str:
    return f'"{word}"'
