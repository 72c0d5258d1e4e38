"""An embedder of your own: vectors by the first letters of words, in a store that is bound to it.

python examples/own_embedder.py
"""

import numpy as np

from pilotage import ConceptDraft, ConceptStore
from pilotage.memory import EmbedderIdentity


class Initials:
    """Counts the first letters of words: 26 dimensions, no model."""

    identity = EmbedderIdentity("initials", 26, "v1")
    similarity_floor = 0.1

    def warm(self) -> None:
        """Nothing to load."""

    def embed(self, texts: list[str]) -> np.ndarray:
        """Unit vectors, shape (len(texts), 26)."""
        vectors = np.zeros((len(texts), 26), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in text.lower().split():
                if "a" <= word[0] <= "z":
                    row[ord(word[0]) - ord("a")] += 1
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


with ConceptStore.temporary(embedder=Initials()) as store:
    store.add(ConceptDraft(kind="lesson", title="Round up to whole boxes", cues=("boxes that must hold all",)))
    store.add(ConceptDraft(kind="lesson", title="Subtract the cost", cues=("a profit is asked for",)))
    for hit in store.search("how many whole boxes", limit=1):
        print(hit.concept.title)
