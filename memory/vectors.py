"""VectorStore: one store's embedder, the view its searches use, and the bond between the two.

A ledger is bound to one embedder at its first write. Opened with another, it refuses: similarities between
two embedders mean nothing. `reindex` moves it to another one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from memory.embedding import Embedder, EmbedderIdentity, Vectors
from memory.errors import EmbedderError, EmbedderMismatch
from memory.index import ChromaIndex, IndexLock, delete_index
from memory.ledger import Ledger
from memory.scan import Neighbour, VectorScan, VectorView

_BATCH = 256


class VectorStore:
    """Embeds texts and finds near vectors, through Chroma where this process owns the index and a scan elsewhere.

    Args:
        ledger: holds the vectors.
        folder: the store's folder, None when it has none; then every search scans.
        embedder: None for a store that is not searched.
        namespace: whose concepts.
    """

    def __init__(self, ledger: Ledger, folder: Path | None, embedder: Embedder | None, namespace: str) -> None:
        self._ledger = ledger
        self._folder = folder
        self._embedder = embedder
        self._namespace = namespace
        self._lock = threading.RLock()
        self._view: VectorView | None = None
        self._owner: IndexLock | None = None

    @property
    def embedder(self) -> Embedder:
        """The embedder. Raises EmbedderError when the store was opened without one."""
        if self._embedder is None:
            raise EmbedderError("this store was opened without an embedder: open it with one to add or search")
        return self._embedder

    @property
    def identity(self) -> EmbedderIdentity:
        """Identity of the embedder."""
        return self.embedder.identity

    @property
    def owns_index(self) -> bool:
        """Whether searches of this process go through Chroma. Decided at the first search."""
        return isinstance(self._view, ChromaIndex)

    def check(self, connection: Connection) -> None:
        """Raise EmbedderMismatch when the ledger is bound to another embedder."""
        bound = self._ledger.meta(connection, "embedder")
        if self._embedder is None or bound is None:
            return
        theirs = EmbedderIdentity(**json.loads(bound))
        if theirs != self.identity:
            raise EmbedderMismatch(
                f"this memory was embedded with '{theirs.key}', not with '{self.identity.key}': open it with that "
                "embedder, or run `pilotage memory reindex` to move it to the new one"
            )

    def claim(self, connection: Connection) -> None:
        """Bind the ledger to this embedder if nobody has, within the transaction that writes the first vector."""
        self.check(connection)
        if self._ledger.meta(connection, "embedder") is None:
            self._ledger.set_meta(connection, "embedder", json.dumps(self.identity.as_dict()))

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, little-endian float32 [n, dimensions].

        Raises:
            EmbedderError: the embedder did not return that.
        """
        return _embed(self.embedder, texts)

    def nearest(self, vector: NDArray[np.float32], limit: int) -> list[Neighbour]:
        """The most similar active concepts, best first."""
        return self._open_view().nearest(vector, limit)

    def warm(self) -> None:
        """Load embedder and index, so that the first search does not wait for them."""
        self.embedder.warm()
        self._open_view()

    def reindex(self, embedder: Embedder) -> int:
        """Embed every concept of the ledger with `embedder`, then bind the ledger to it; returns how many.

        The old vectors serve until the last moment. Stopped half way, it goes on from there when called
        again.
        """
        done = 0
        key = embedder.identity.key
        while True:
            with self._ledger.read() as connection:
                missing = list(self._ledger.not_embedded(connection, key, _BATCH))
            made = _embed(embedder, [concept.search_text for concept in missing])
            with self._ledger.write() as connection:
                present = self._ledger.get(connection, None, [concept.id for concept in missing])
                # A concept that was revised meanwhile has another text by now: it waits for the next round.
                fresh = {
                    concept.id: row.tobytes()
                    for concept, row in zip(missing, made, strict=True)
                    if present[concept.id].version == concept.version
                }
                self._ledger.add_vectors(connection, key, fresh)
                done += len(fresh)
                if not self._ledger.not_embedded(connection, key, 1):
                    self._ledger.drop_other_vectors(connection, key)
                    self._ledger.set_meta(connection, "embedder", json.dumps(embedder.identity.as_dict()))
                    break
        self._rebuild_index(embedder)
        return done

    def close(self) -> None:
        """Release the index, for another process to own."""
        with self._lock:
            if self._view is not None:
                self._view.close()
                self._view = None
            if self._owner is not None:
                self._owner.release()
                self._owner = None

    def _rebuild_index(self, embedder: Embedder) -> None:
        with self._lock:
            if self._view is not None:
                self._view.close()
                self._view = None
            self._embedder = embedder
            if self._folder is not None and self._own():
                delete_index(self._folder / "index")
            self._open_view()

    def _open_view(self) -> VectorView:
        with self._lock:
            if self._view is None:
                if self._folder is not None and self._own():
                    folder = self._folder / "index"
                    self._view = ChromaIndex(folder, self._ledger, self._namespace, self.identity)
                else:
                    self._view = VectorScan(self._ledger, self._namespace, self.identity.key)
            return self._view

    def _own(self) -> bool:
        """Whether this process owns the index folder; taken if it is free."""
        if self._owner is None and self._folder is not None:
            lock = IndexLock(self._folder / "index.lock")
            if lock.acquire():
                self._owner = lock
        return self._owner is not None


def _embed(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    size = embedder.identity.dimensions
    made = np.ascontiguousarray(embedder.embed(texts), dtype="<f4")
    if made.shape != (len(texts), size):
        raise EmbedderError(
            f"the embedder '{embedder.identity.model}' returned shape {made.shape} where {(len(texts), size)} was due: "
            "its identity does not describe it"
        )
    if not np.isfinite(made).all():
        raise EmbedderError(f"the embedder '{embedder.identity.model}' returned numbers that are not finite")
    return made
