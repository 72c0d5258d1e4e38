"""Namespace: the concepts of one tenant of a ledger, with the views that follow them. Every edit and search has one."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from pilotage.common.text import carriable
from pilotage.memory.concept import Concept
from pilotage.memory.errors import UnknownConcept
from pilotage.memory.ledger.ledger import Ledger
from pilotage.memory.search.keywords import KeywordIndex
from pilotage.memory.search.vectors import VectorStore


@dataclass(frozen=True)
class Namespace:
    """What works on the concepts of one namespace works on these."""

    name: str
    ledger: Ledger
    vectors: VectorStore
    keywords: KeywordIndex

    def get(self, connection: Connection, id: str) -> Concept:
        """The concept with this id, also when it is retired. Raises UnknownConcept."""
        id = carriable(id) if isinstance(id, str) else str(id)
        concept = self.ledger.get(connection, self.name, [id]).get(id)
        if concept is None:
            raise UnknownConcept.called(id, self.name)
        return concept
