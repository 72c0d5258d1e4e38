"""KeywordTable: what the keyword indexes of all databases share: they are one table, filled from the ledger."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import islice

from sqlalchemy import Connection, text

from pilotage.memory.concept import Concept
from pilotage.memory.ledger.ledger import Ledger

_BATCH = 1000


class KeywordTable(ABC):
    """Makes the table where it is missing; subclasses say what it looks like, and search it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        with ledger.read() as connection:
            exists = connection.dialect.has_table(connection, "concept_words")
        if not exists:
            self._build(anew=False)

    def rebuild(self) -> None:
        """Build the index from the ledger's current rows."""
        self._build(anew=True)

    def put(self, connection: Connection, concept: Concept) -> None:
        """Bring one concept up to date, within the transaction that changes it."""
        self.put_all(connection, [concept])

    @abstractmethod
    def put_all(self, connection: Connection, changed: Sequence[Concept]) -> None:
        """`put` for many, none of them twice, in a few statements."""

    @abstractmethod
    def put_new(self, connection: Connection, new: Sequence[tuple[int, Concept]]) -> None:
        """Add concepts that the index does not hold, each with the number of its `added` event."""

    @abstractmethod
    def _create(self, connection: Connection) -> None:
        """Make the empty table."""

    def _build(self, *, anew: bool) -> None:
        with self._ledger.write() as connection:
            if not anew and connection.dialect.has_table(connection, "concept_words"):
                return  # another process was faster
            connection.execute(text("DROP TABLE IF EXISTS concept_words"))
            self._create(connection)
            rows = self._ledger.every_numbered(connection)
            while batch := list(islice(rows, _BATCH)):
                self.put_new(connection, batch)
