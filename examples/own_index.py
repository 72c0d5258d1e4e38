"""A vector index of your own in a concept store: vectors kept in half precision, all of them compared.

To install it for good, name `open_half` as the entry point `half` in `pilotage.indexes`.

python examples/own_index.py
"""

from threading import Lock

import numpy as np

from pilotage import ConceptDraft, ConceptStore
from pilotage.memory.embedders.embedder import EmbedderIdentity
from pilotage.memory.ledger.ledger import Ledger
from pilotage.memory.search.exact_scan import Neighbour
from pilotage.memory.search.index_at import INDEXES


class HalfPrecision:
    def __init__(self, ledger: Ledger, namespace: str, identity: EmbedderIdentity) -> None:
        self.ledger, self.namespace, self.embedder = ledger, namespace, identity.key
        self.vectors: dict[str, np.ndarray] = {}
        self.seen, self.lock = 0, Lock()

    def nearest(self, query: np.ndarray, limit: int, last: int) -> list[Neighbour]:
        """The ledger tells what has changed since event `seen`, so that no write is missed."""
        with self.lock, self.ledger.read() as connection:
            for row in self.ledger.changes(connection, self.namespace, self.embedder, self.seen):
                self.vectors.pop(row.id, None)
                if row.active and row.vector is not None:
                    self.vectors[row.id] = np.frombuffer(row.vector, dtype="<f4").astype(np.float16)
                self.seen = row.changed_seq
        found = [Neighbour(id, float(vector @ query)) for id, vector in self.vectors.copy().items()]
        return sorted(found, key=lambda neighbour: -neighbour.similarity)[:limit]

    def close(self) -> None:
        """Nothing is held."""


def open_half(url: str, ledger: Ledger, namespace: str, identity: EmbedderIdentity) -> HalfPrecision:
    return HalfPrecision(ledger, namespace, identity)


if __name__ == "__main__":
    INDEXES["half"] = open_half
    with ConceptStore.open("notes", embedder="hash", index="half://") as store:
        store.add(ConceptDraft(title="Round up to whole boxes", cues=("boxes that must hold all",)))
        for hit in store.search("how many whole boxes"):
            print(hit.concept.title)
