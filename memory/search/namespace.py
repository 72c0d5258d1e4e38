"""Namespace: the concepts of one tenant of a ledger, with the views that follow them. Every edit and search has one."""

from __future__ import annotations

from dataclasses import dataclass

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
