"""Concept memory: what earlier tasks taught, found again when it may help.

It knows nothing of LLM clients, agents or RL. The door is `ConceptStore`; `pilotage.memory.learning.distil` writes
concepts from solved tasks and `pilotage.memory.render` turns recalled ones into prompt text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotage.common.lazy import lazy

if TYPE_CHECKING:
    from pilotage.memory.aio import AsyncConceptStore
    from pilotage.memory.concept import Concept, ConceptDraft, Outcomes, Parameter, Provenance
    from pilotage.memory.doctor import CheckResult
    from pilotage.memory.embedders.embedder import Embedder, EmbedderIdentity, HashEmbedder
    from pilotage.memory.errors import ConceptStoreError
    from pilotage.memory.formats.importing import ImportReport
    from pilotage.memory.ledger.stats import StoreStats
    from pilotage.memory.search.recall import Hit, Recollection
    from pilotage.memory.store import ConceptStore

__all__ = [
    "AsyncConceptStore",
    "CheckResult",
    "Concept",
    "ConceptDraft",
    "ConceptStore",
    "ConceptStoreError",
    "Embedder",
    "EmbedderIdentity",
    "HashEmbedder",
    "Hit",
    "ImportReport",
    "Outcomes",
    "Parameter",
    "Provenance",
    "Recollection",
    "StoreStats",
]

if __name__ != "pilotage.memory":  # two copies of its classes would be worse than an error
    raise ImportError(f"import pilotage.memory, not {__name__}: the folder that holds this package is on the path")

# Found when asked for: SQLAlchemy and numpy take half a second, which `import pilotage.memory` should not cost.
_MODULE = {
    "AsyncConceptStore": "aio",
    "CheckResult": "doctor",
    "Concept": "concept",
    "ConceptDraft": "concept",
    "ConceptStore": "store",
    "ConceptStoreError": "errors",
    "Embedder": "embedders.embedder",
    "EmbedderIdentity": "embedders.embedder",
    "HashEmbedder": "embedders.embedder",
    "Hit": "search.recall",
    "ImportReport": "formats.importing",
    "Outcomes": "concept",
    "Parameter": "concept",
    "Provenance": "concept",
    "Recollection": "search.recall",
    "StoreStats": "ledger.stats",
}

__getattr__ = lazy(__name__, _MODULE)
