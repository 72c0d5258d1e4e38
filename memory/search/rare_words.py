"""RareWords: which words of a query the keyword index should look for, so that a search stays fast in a large store.

Every text that holds any of the words has to be scored. A word that stands in one text of fifty decides little and
costs most of the time: 150 ms for the prompt of a typical task at 100,000 texts on SQLite, 1 ms without such words.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from pilotage.memory.text.words import content_words

_MOST_WORDS = 64
_MOST_TEXTS = 500  # scored for one search; on SQLite a text costs about 2 microseconds
_GROWTH = 1.25  # of the ledger, after which its words are counted again


@dataclass(frozen=True)
class Terms:
    """What to look for.

    Attributes:
        counts: each word, the rarest first, and how many texts have it.
        texts: how many texts there are, roughly; 0 where `RareWords` was not given a way to count them.
        together: whether a text must have all of the words, and not just any.
    """

    counts: dict[str, int]
    texts: int = 0
    together: bool = False


class RareWords:
    """Counts of texts by word, each counted once and no further than needed.

    `matches` is a statement in the driver's own style that gives a row for each text that matches its one parameter;
    there a `mark` stands around a word, so that nothing in a query acts as an operator. `total` counts all texts.
    """

    def __init__(self, matches: str, mark: str, total: str = "SELECT 0") -> None:
        self._mark = mark
        self._count = f"SELECT count(*) FROM ({matches} LIMIT {_MOST_TEXTS + 1}) AS found"
        self._total = total
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._texts: int | None = None
        self._size = 0
        self._absent: set[str] = set()
        self._last = 0

    def terms(self, connection: Connection, query: str, last: int) -> Terms:
        """Words of a query that about 500 texts have at most, or none when no text has a word.

        Where every word is frequent, texts that have the two rarest of them together are asked for. `last` is the
        number of the ledger's last event: what no text had may be there after the next one.
        """
        words = list(dict.fromkeys(content_words(query)))[:_MOST_WORDS]
        counts = self._counted(connection, words, last)
        if (texts := self._texts) is None:
            texts = self._texts = int(connection.exec_driver_sql(self._total).scalar_one())
        rarest = sorted((word for word in words if counts[word]), key=counts.__getitem__)
        chosen: dict[str, int] = {}
        for word in rarest:
            if sum(chosen.values()) + counts[word] > _MOST_TEXTS:
                break
            chosen[word] = counts[word]
        if chosen:
            return Terms(chosen, texts)
        return Terms({word: counts[word] for word in rarest[:2]}, texts, together=True)

    def _counted(self, connection: Connection, words: Sequence[str], last: int) -> dict[str, int]:
        with self._lock:
            if not self._size <= last <= self._size * _GROWTH:
                self._counts, self._texts, self._size = {}, None, last
            if last != self._last:
                self._absent, self._last = set(), last
            known, absent = self._counts, self._absent
            counts = {word: 0 if word in absent else known[word] for word in words if word in known or word in absent}
        new = [word for word in words if word not in counts]
        if new:
            statement = " UNION ALL ".join([f"SELECT ({self._count})"] * len(new))
            rows = connection.exec_driver_sql(statement, tuple(map(self.quoted, new)))
            counts.update(zip(new, (row[0] for row in rows), strict=True))
            known.update((word, counts[word]) for word in new if counts[word])
            absent.update(word for word in new if not counts[word])
        return counts

    def quoted(self, word: str) -> str:
        """The word as the database takes it for nothing but a word; content words hold no marks."""
        return f"{self._mark}{word}{self._mark}"
