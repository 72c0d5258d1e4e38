"""Concept memory: what earlier tasks taught, found again when it may help.

It knows nothing of LLM clients, agents or RL. The door is `ConceptStore`; `pilotage.memory.learning.distil` writes concepts
from solved tasks and `pilotage.memory.render` turns recalled ones into prompt text.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pilotage.memory.aio import AsyncConceptStore
    from pilotage.memory.concept import Concept, ConceptDraft, Outcomes, Parameter, Provenance
    from pilotage.memory.doctor import Finding
    from pilotage.memory.embedders.embedder import Embedder, EmbedderIdentity, HashEmbedder
    from pilotage.memory.errors import ConceptStoreError
    from pilotage.memory.formats.importing import ImportReport
    from pilotage.memory.search.recall import Hit, Recollection
    from pilotage.memory.ledger.stats import StoreStats
    from pilotage.memory.store import ConceptStore

__all__ = [
    "AsyncConceptStore",
    "Concept",
    "ConceptDraft",
    "ConceptStore",
    "ConceptStoreError",
    "Embedder",
    "EmbedderIdentity",
    "Finding",
    "HashEmbedder",
    "Hit",
    "ImportReport",
    "Outcomes",
    "Parameter",
    "Provenance",
    "Recollection",
    "StoreStats",
]

# Found when asked for: SQLAlchemy and numpy take half a second, which `from pilotage import memory` should not cost.
_ROOMS = ("concept", "embedding", "errors", "recall", "store", "aio", "importing", "stats", "doctor")


def __getattr__(name: str) -> Any:
    if name in __all__:
        for room in _ROOMS:
            module = importlib.import_module(f"memory.{room}")
            if name in vars(module):
                return vars(module)[name]
    raise AttributeError(f"module 'memory' has no attribute '{name}'")
