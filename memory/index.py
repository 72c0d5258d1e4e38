"""ChromaIndex: the embedded vector index, a rebuildable view of the ledger's vectors.

Chroma's embedded index is safe for threads and not for processes: a second process would read stale results.
So it belongs to the process that holds a file lock; the others scan (`memory.scan`). The collection records
which ledger, embedder and event it stands at; what is missing is added from the ledger, what cannot match is
built anew.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memory.embedding import EmbedderIdentity
from memory.errors import ConceptStoreError, IndexCorrupt
from memory.ledger import Ledger, VectorRow
from memory.scan import Neighbour

INDEX_FORMAT = 1


class IndexLock:
    """The right to use the index folder, held by one process at a time and freed by its death."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock without waiting. False when another holds it, or the system or folder has no file locks."""
        if sys.platform == "win32":
            return False
        import fcntl

        try:
            descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:  # a read-only folder: then nobody can own an index in it
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let another process have it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class ChromaIndex:
    """The vectors of one namespace in an embedded Chroma collection. The caller holds the `IndexLock`.

    Args:
        folder: where Chroma keeps its files; deleting it loses nothing.
        ledger: the source of truth.
        namespace: whose concepts.
        identity: the embedder of the vectors.

    Raises:
        IndexCorrupt: the folder's files cannot be read.
    """

    def __init__(self, folder: Path, ledger: Ledger, namespace: str, identity: EmbedderIdentity) -> None:
        self._folder = folder
        self._ledger = ledger
        self._namespace = namespace
        self._identity = identity
        self._lock = threading.Lock()
        self._facts = {
            "format": INDEX_FORMAT,
            "ledger": ledger.id,
            "embedder": identity.model,
            "dimensions": identity.dimensions,
            "weights_hash": identity.weights_hash,
        }
        self._name = "concepts-" + hashlib.sha256(namespace.encode()).hexdigest()[:32]
        with _readable(folder):
            self._client = _open_client(folder)
            try:
                self._collection, self._seq = self._open_collection()
                self._catch_up()
                if not self._is_complete():
                    self._collection, self._seq = self._create_anew(), 0
                    self._catch_up()
            except BaseException:
                self._client.close()
                raise

    def nearest(self, vector: NDArray[np.float32], limit: int) -> list[Neighbour]:
        """The most similar active concepts, as Chroma's HNSW graph finds them."""
        with self._lock, _readable(self._folder):
            self._catch_up()
            found = self._collection.query(query_embeddings=[vector], n_results=limit, include=["distances"])
        pairs = zip(found["ids"][0], found["distances"][0], strict=True)
        return [Neighbour(id_, 1.0 - float(distance)) for id_, distance in pairs]

    def count(self) -> int:
        """How many vectors the index holds."""
        return int(self._collection.count())

    def close(self) -> None:
        """Close Chroma's files."""
        self._client.close()

    def _open_collection(self) -> tuple[Any, int]:
        """The collection and the event it stands at; a new one unless it is of this ledger and embedder."""
        from chromadb.errors import NotFoundError

        try:
            collection = self._client.get_collection(self._name, embedding_function=None)
        except NotFoundError:
            return self._create(), 0
        facts = dict(collection.metadata or {})
        seq = int(facts.pop("seq", 0))
        with self._ledger.read() as connection:
            last = self._ledger.last_change(connection, self._namespace)
        if facts == self._facts and seq <= last:  # a ledger put back from a backup may be behind its index
            return collection, seq
        return self._create_anew(), 0

    def _is_complete(self) -> bool:
        with self._ledger.read() as connection:
            last = self._ledger.last_change(connection, self._namespace)
            active = self._ledger.count(connection, self._namespace)
        return last > self._seq or self.count() == active

    def _create_anew(self) -> Any:
        self._client.delete_collection(self._name)
        return self._create()

    def _create(self) -> Any:
        return self._client.create_collection(
            self._name,
            embedding_function=None,
            configuration={"hnsw": {"space": "cosine", "ef_search": 100}},
            metadata={**self._facts, "seq": 0},
        )

    def _catch_up(self) -> None:
        with self._ledger.read() as connection:
            if self._ledger.last_change(connection, self._namespace) <= self._seq:
                return
            changes = self._ledger.changes(connection, self._namespace, self._identity.key, self._seq)
        batch = self._client.get_max_batch_size()
        for start in range(0, len(changes), batch):
            self._apply(changes[start : start + batch])

    def _apply(self, changes: list[VectorRow]) -> None:
        present = [(row.id, row.vector) for row in changes if row.active and row.vector is not None]
        gone = [row.id for row in changes if not row.active or row.vector is None]
        if present:
            vectors = np.stack([np.frombuffer(vector, dtype="<f4") for _, vector in present])
            self._collection.upsert(ids=[id_ for id_, _ in present], embeddings=vectors)
        if gone:
            self._collection.delete(ids=gone)
        # Written last: after a crash in between, the same changes are applied again, which is harmless.
        self._seq = changes[-1].changed_seq
        self._collection.modify(metadata={**self._facts, "seq": self._seq})


def delete_index(folder: Path) -> None:
    """Remove the index; the next search builds it anew. The caller holds the `IndexLock`."""
    if folder.exists():
        shutil.rmtree(folder)


def _open_client(folder: Path) -> Any:
    import chromadb
    from chromadb.api.shared_system_client import SharedSystemClient
    from chromadb.config import Settings

    try:
        return chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
    except Exception:
        # Chroma keeps what failed to start, and would hand it out again even for a repaired folder.
        SharedSystemClient._identifier_to_system.pop(str(folder), None)
        raise


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except ConceptStoreError:
        raise
    except Exception as error:  # whatever a damaged file makes Chroma, SQLite or its Rust core raise
        raise IndexCorrupt(
            f"the vector index in {folder} cannot be read ({type(error).__name__}: {error}): nothing is lost; "
            "delete that folder or run `pilotage memory reindex`, and it is built anew"
        ) from error
