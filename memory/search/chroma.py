"""ChromaIndex: the vectors of a namespace in a Chroma collection, a rebuildable view of the ledger.

The collection records which ledger, embedder and event it stands at. What is missing is added from the ledger, what is
too much is removed, and what cannot match is built anew; the ledger always has the last word.
"""

from __future__ import annotations

import hashlib
import logging
import math
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pilotage.memory.embedders.embedder import EmbedderIdentity
from pilotage.memory.ledger.ledger import Ledger, VectorRow
from pilotage.memory.search.drift import Drift, drift
from pilotage.memory.search.exact_scan import Neighbour

INDEX_FORMAT = 2
# At 100,000 concepts 100 finds 93% of the ten nearest to a task that was never seen, 200 97%, 400 99.6%. A larger
# graph needs more: at 300,000, 250 finds 84%, 750 93%, and 1000 94%.
_EF_SEARCH = 250
_ENOUGH_UP_TO = 100_000  # concepts
_ROUNDS = 3
_PATIENCE = 10  # comparisons, while others write
_log = logging.getLogger(__name__)


class ChromaIndex:
    """The nearest concepts as Chroma's HNSW graph finds them.

    Every call to Chroma is made within `guard`, which turns errors into sentences; the client is closed with the index.
    `shared` says that other processes write to the same collection.
    """

    def __init__(
        self,
        client: Any,
        name: str,
        guard: Callable[[], AbstractContextManager[None]],
        ledger: Ledger,
        namespace: str,
        identity: EmbedderIdentity,
        *,
        shared: bool,
    ) -> None:
        self._client = client
        self._name = name
        self._guard = guard
        self._ledger = ledger
        self._namespace = namespace
        self._identity = identity
        self._shared = shared
        self._lock = threading.Lock()
        self._facts = {
            "format": INDEX_FORMAT,
            "ledger": ledger.id,
            "embedder": identity.model,
            "dimensions": identity.dimensions,
            "weights_hash": identity.weights_hash,
        }
        try:
            with guard():
                self._open()
        except BaseException:
            client.close()
            raise

    def nearest(self, query: NDArray[np.float32], limit: int, last: int) -> list[Neighbour]:
        """The most similar active concepts, best first, as of event `last` or later."""
        from chromadb.errors import NotFoundError

        with self._lock, self._guard():
            try:
                return self._nearest(query, limit, last)
            except NotFoundError:  # another process built the collection anew, or the server lost its folder
                self._open()
                return self._nearest(query, limit, last)

    def check(self, *, repair: bool = False) -> Drift:
        """Where the index differs from the ledger, every vector compared; with `repair` it is brought in line."""
        with self._lock, self._guard():
            apart = self._drift(vectors=True)
            if repair:
                self._repair(apart)
        return apart

    def close(self) -> None:
        """Close Chroma's files or connections."""
        self._client.close()

    def _nearest(self, query: NDArray[np.float32], limit: int, last: int) -> list[Neighbour]:
        if last > self._seq:
            self._catch_up()
        hits = self._collection.query(query_embeddings=[query], n_results=limit, include=["distances"])
        pairs = zip(hits["ids"][0], hits["distances"][0], strict=True)
        return [Neighbour(id_, 1.0 - float(distance)) for id_, distance in pairs]

    def _open(self) -> None:
        self._collection, self._seq = self._open_collection()
        for _ in range(_ROUNDS if self._shared else 1):
            apart = self._drift()
            if not apart:
                return
            # On a server it may be what another process is just writing to the collection, and no fault.
            level = logging.DEBUG if self._shared else logging.WARNING
            _log.log(level, "the vector index of namespace '%s' differed from the ledger: %s", self._namespace, apart)
            self._repair(apart)

    def _drift(self, *, vectors: bool = False) -> Drift:
        """Where the index differs from the ledger; what others write while the two are compared is no difference."""
        self._catch_up()
        apart = Drift()
        for _ in range(_PATIENCE):
            before = self._seq
            apart = drift(self._collection, self._ledger, self._namespace, self._identity.key, vectors=vectors)
            if apart:
                self._catch_up()
            if self._seq == before:
                break
        return apart

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
            if collection.configuration_json["hnsw"]["ef_search"] != (width := self._ef_search()):
                # Chroma heeds this only before it has loaded the graph, so a store that grew has to be opened again.
                collection.modify(configuration={"hnsw": {"ef_search": width}})
            return collection, seq
        self._client.delete_collection(self._name)
        return self._create(), 0

    def _create(self) -> Any:
        return self._client.get_or_create_collection(
            self._name,
            embedding_function=None,
            configuration={"hnsw": {"space": "cosine", "ef_search": self._ef_search()}},
            metadata={**self._facts, "seq": 0},
        )

    def _ef_search(self) -> int:
        """How many candidates a search of the graph keeps, in steps, so that it seldom changes."""
        with self._ledger.read() as connection:
            count = self._ledger.count(connection, self._namespace)
        return _EF_SEARCH * max(1, math.ceil(count / _ENOUGH_UP_TO))

    def _catch_up(self) -> None:
        with self._ledger.read() as connection:
            due = self._ledger.last_change(connection, self._namespace)
        batch = self._client.get_max_batch_size()
        touched: set[str] = set()
        while self._seq < due and (changes := self._changes(batch)):
            touched |= self._apply(changes)
        while self._shared and touched:
            # Another process may have applied a later state of one of these before we applied ours.
            later = self._changes()
            touched = self._apply(later) if any(row.id in touched for row in later) else set()

    def _changes(self, limit: int | None = None) -> list[VectorRow]:
        with self._ledger.read() as connection:
            return self._ledger.changes(connection, self._namespace, self._identity.key, self._seq, limit)

    def _apply(self, changes: list[VectorRow]) -> set[str]:
        """Brings the collection and `_seq` to the last of these changes; returns whose they are."""
        batch = self._client.get_max_batch_size()
        for start in range(0, len(changes), batch):
            rows = changes[start : start + batch]
            self._put(rows)
            # Written last: after a crash in between, the same changes are applied again, which is harmless.
            self._seq = rows[-1].changed_seq
            self._collection.modify(metadata={**self._facts, "seq": self._seq})
        return {row.id for row in changes}

    def _put(self, rows: list[VectorRow]) -> None:
        present = [(row.id, row.vector) for row in rows if row.active and row.vector is not None]
        gone = [row.id for row in rows if not row.active or row.vector is None]
        if present:
            vectors = np.stack([np.frombuffer(vector, dtype="<f4") for _, vector in present])
            self._collection.upsert(ids=[id_ for id_, _ in present], embeddings=vectors)
        if gone:
            self._collection.delete(ids=gone)

    def _repair(self, apart: Drift) -> None:
        """Asks the ledger again for what differs: by now it may have changed once more."""
        batch = self._client.get_max_batch_size()
        ids = sorted({*apart.missing, *apart.surplus, *apart.different})
        for start in range(0, len(ids), batch):
            part = ids[start : start + batch]
            with self._ledger.read() as connection:
                known = self._ledger.get(connection, self._namespace, part)
                vectors = self._ledger.vectors(connection, self._identity.key, part)
            self._put(
                [VectorRow(id_, 0, id_ in known and known[id_].status != "retired", vectors.get(id_)) for id_ in part]
            )


def collection_name(*parts: str) -> str:
    """A name that Chroma accepts, the same for the same parts."""
    return "concepts-" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
