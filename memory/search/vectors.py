"""VectorStore: one store's embedder, the view its searches use, and the bond between the two.

A ledger is bound to one embedder at its first write. Opened with another, it refuses: similarities between
two embedders mean nothing. `reindex` moves it to another one.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, func, select

from pilotage.common.locks import FileLock
from pilotage.common.text import carriable
from pilotage.memory.embedders.embedder import Embedder, EmbedderIdentity, Vectors, embed_checked
from pilotage.memory.errors import ConceptStoreError, EmbedderError, EmbedderMismatch, IndexCorrupt, IndexFull
from pilotage.memory.ledger.erasures import index_done, index_is_due
from pilotage.memory.ledger.ledger import Ledger
from pilotage.memory.ledger.schema import concepts, erasures, meta
from pilotage.memory.search.chroma import ChromaIndex
from pilotage.memory.search.chroma_embedded import delete_index, open_embedded
from pilotage.memory.search.chroma_server import drop_collections, erase_collections
from pilotage.memory.search.drift import Drift
from pilotage.memory.search.exact_scan import Neighbour, VectorScan, VectorView
from pilotage.memory.search.index_at import is_chroma, opener_of
from pilotage.memory.search.reindex import OnProgress, move

Vector = NDArray[np.float32]

LONGEST_QUERY = 20_000
"""Characters of a text that are looked for. Embedders read less, and take seconds and gigabytes to cut a longer one."""
_ASKED = 64
"""Texts whose vectors are remembered."""
_log = logging.getLogger(__name__)
# Made once: to build it at every search takes five times as long as to run it.
_INDEX_VERSION = select(
    select(meta.c.value).where(meta.c.key == "embedder").scalar_subquery().label("embedder"),
    select(func.max(concepts.c.changed_seq))
    .where(concepts.c.namespace == bindparam("namespace"))
    .scalar_subquery()
    .label("last"),
    select(func.max(erasures.c.number)).where(erasures.c.index_due).scalar_subquery().label("due"),
)


class VectorStore:
    """Embeds texts and finds near vectors: through Chroma where this process may use an index, else by a scan.

    Chroma is a server (`index_url`), or an index in the store's folder, which belongs to one process. A URL may also
    name an index that somebody else wrote (`pilotage.memory.search.index_at`).
    """

    def __init__(
        self, ledger: Ledger, folder: Path | None, embedder: Embedder | None, namespace: str, index_url: str | None
    ) -> None:
        self._opener = None if index_url is None else opener_of(index_url)
        self._ledger = ledger
        self._folder = folder
        self._embedder = embedder
        self._namespace = namespace
        self._url = index_url
        self._lock = threading.RLock()
        self._view: VectorView | None = None
        self._owner: FileLock | None = None
        self._index_due = False
        self._asked: dict[str, Vector] = {}

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
        self._require(self._ledger.embedder(connection))

    def index_version(self, connection: Connection) -> int:
        """Number of the last event that changed what a search may return; raises as `check` does."""
        row = connection.execute(_INDEX_VERSION, {"namespace": self._namespace}).one()
        self._require(EmbedderIdentity.stored(row.embedder))
        self._index_due = row.due is not None
        return int(row.last or 0)

    def _require(self, theirs: EmbedderIdentity | None) -> None:
        if self._embedder is not None and theirs is not None and theirs != self.identity:
            raise EmbedderMismatch(
                f"this memory was embedded with '{theirs.key}', not with '{self.identity.key}': open it with that "
                "embedder, or run `pilotage memory reindex` to move it to the new one"
            )

    def claim(self, connection: Connection) -> None:
        """Bind the ledger to this embedder if nobody has, within the transaction that writes the first vector."""
        self.check(connection)
        if self._ledger.embedder(connection) is None:
            self._ledger.bind(connection, self.identity)

    def put(self, connection: Connection, vectors: Mapping[str, bytes]) -> None:
        """Store the vectors of concepts whose text has changed, by id, in place of the older ones."""
        if vectors:
            self.claim(connection)
            self._ledger.put_vectors(connection, self.identity.key, vectors)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, little-endian float32 [n, dimensions].

        Raises:
            EmbedderError: the embedder did not return that.
        """
        self._ledger.database.require_own_process()
        return embed_checked(self.embedder, texts)

    def embed_query(self, text: str) -> Vector:
        """The unit vector of a text that is looked for, float32 (d,): a run asks several times about the same task.

        Raises EmbedderError as `embed` does.
        """
        self._ledger.database.require_open()
        text = carriable(text[:LONGEST_QUERY])
        if (vector := self._asked.get(text)) is None:
            vector = self.embed([text])[0]
            with self._lock:
                self._asked[text] = vector
                while len(self._asked) > _ASKED:
                    del self._asked[next(iter(self._asked))]
        return vector

    def nearest(self, query: NDArray[np.float32], limit: int, last: int) -> list[Neighbour]:
        """The most similar active concepts, best first, as of event `last` or later."""
        if self._index_due and self._owner is not None:
            self.finish_erasures()
        view = self._open_view()
        try:
            return view.nearest(query, limit, last)
        except (IndexCorrupt, IndexFull) as error:
            return self._replaced(error).nearest(query, limit, last)

    def warm(self) -> None:
        """Load embedder and index, so that the first search does not wait for them."""
        self.embedder.warm()
        self._open_view()

    def reindex(self, embedder: Embedder, on_progress: OnProgress | None = None) -> int:
        """Build the index anew, with every concept embedded by `embedder`; returns how many had to be embedded."""
        with self._ledger.read() as connection:
            old = self._ledger.embedder(connection)
        done = move(self._ledger, embedder, on_progress)
        with self._lock:
            self._drop_view()
            self._embedder = embedder
            self._asked.clear()
            if self._url is not None:
                if old is not None and is_chroma(self._url):
                    drop_collections(self._url, self._ledger, old)
            elif self._folder is not None and self._own():
                delete_index(self._folder / "index")
            self._open_view()
        return done

    @property
    def has_index_folder(self) -> bool:
        """Whether the store's folder holds an index."""
        return self._folder is not None and (self._folder / "index").exists()

    def erase(self, namespaces: Sequence[str], embedders: Sequence[str]) -> Iterator[str]:
        """Remove the vectors of erased namespaces from the indexes; tells, in sentences, what somebody else has to."""
        with self._lock:
            self._drop_view()
            if self._url is not None:
                erase_collections(self._url, self._ledger, namespaces, embedders)
        if self.has_index_folder and not self.finish_erasures():
            yield (
                f"another process holds the vector index {self._folder}/index: it removes the vectors at its next "
                "search or when it opens it again"
            )

    def finish_erasures(self) -> bool:
        """Remove the index in the folder where it may hold what was erased, if this process holds it or nobody does.

        Whole, since Chroma leaves the vectors of what is deleted in its files; the next search builds it anew. False
        where another process holds it.
        """
        if self._folder is None:
            return True
        with self._lock:
            held = self._owner is not None
            if not self._own():
                return False
            with self._ledger.read() as connection:
                due = index_is_due(connection)
            if due:
                self._drop_view()
                delete_index(self._folder / "index")
                with self._ledger.write(erases=True) as connection:
                    index_done(connection)
            self._index_due = False
            if not held and self._owner is not None:
                self._owner.close()
                self._owner = None
        return True

    def check_index(self, *, repair: bool = False) -> Drift:
        """Where the Chroma index differs from the ledger; nowhere when this process has none."""
        view = self._open_view()
        return view.check(repair=repair) if isinstance(view, ChromaIndex) else Drift()

    def close(self) -> None:
        """Release the index, for another process to own."""
        with self._lock:
            self._drop_view()
            if self._owner is not None:
                self._owner.close()
                self._owner = None

    def _drop_view(self) -> None:
        if self._view is not None:
            self._view.close()
            self._view = None

    def _open_view(self) -> VectorView:
        with self._lock:
            if self._view is None:
                if self._url is not None and self._opener is not None:
                    self._view = self._opener(self._url, self._ledger, self._namespace, self.identity)
                elif self._folder is not None and self._own():
                    self.finish_erasures()
                    try:
                        self._view = open_embedded(self._folder / "index", self._ledger, self._namespace, self.identity)
                    except (IndexCorrupt, IndexFull) as error:
                        return self._replaced(error)
                else:
                    self._view = VectorScan(self._ledger, self._namespace, self.identity)
            return self._view

    def _replaced(self, error: IndexCorrupt | IndexFull) -> VectorView:
        """What searches use in place of an index that failed; raises the error where nothing can.

        A damaged index is built anew. One without space gives way to a scan until the store is opened again: reading
        needs no space, and Chroma may hang once it had none.
        """
        with self._lock:
            self._drop_view()
            if isinstance(error, IndexFull):
                _log.warning("searches go without the vector index until the memory is opened again: %s", error)
                self._view = VectorScan(self._ledger, self._namespace, self.identity)
            elif self._folder is None:
                raise error
            else:
                _log.warning("the vector index is built anew from the ledger: %s", error)
                delete_index(self._folder / "index")
                self._view = open_embedded(self._folder / "index", self._ledger, self._namespace, self.identity)
            return self._view

    def _own(self) -> bool:
        """Whether this process owns the index folder; taken if it is free."""
        if self._owner is None and self._folder is not None and sys.platform != "win32":
            try:
                self._owner = FileLock(self._folder / "index.lock", ConceptStoreError("another process owns the index"))
            except (ConceptStoreError, OSError):  # held, or a folder that is read-only or has no locks
                return False
        return self._owner is not None
