"""Drift: where a vector index and the ledger disagree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import select

from pilotage.memory.ledger.ledger import Ledger
from pilotage.memory.ledger.schema import concepts
from pilotage.memory.ledger.schema import vectors as stored

_PAGE = 5000
_SAME = 0.9999  # cosine; Chroma keeps unit vectors in float32, so equal ones are closer than this


@dataclass(frozen=True)
class Drift:
    """Ids that only the ledger has, that only the index has, and whose vectors differ. False when there are none."""

    missing: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()
    different: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.surplus or self.different)

    def __str__(self) -> str:
        return f"{len(self.missing)} missing, {len(self.surplus)} too many, {len(self.different)} out of date"


def drift(collection: Any, ledger: Ledger, namespace: str, embedder: str, *, vectors: bool = False) -> Drift:
    """Compare a Chroma collection with the ledger, which should be the same once the index has caught up.

    Only the ids (100,000 take about half a second), unless `vectors` are to be compared too.
    """
    query = (
        select(concepts.c.id)
        .join(stored, (stored.c.concept_id == concepts.c.id) & (stored.c.embedder == embedder))
        .where(concepts.c.namespace == namespace, concepts.c.status != "retired")
    )
    with ledger.read() as connection:
        due = set(connection.scalars(query))
    held = set(collection.get(include=[])["ids"])
    missing, surplus = due - held, held - due
    different = _different(collection, ledger, embedder, sorted(due & held)) if vectors else ()
    return Drift(tuple(sorted(missing)), tuple(sorted(surplus)), tuple(different))


def _different(collection: Any, ledger: Ledger, embedder: str, ids: list[str]) -> list[str]:
    different: list[str] = []
    for start in range(0, len(ids), _PAGE):
        part = ids[start : start + _PAGE]
        held = collection.get(ids=part, include=["embeddings"])
        with ledger.read() as connection:
            due = ledger.vectors(connection, embedder, part)
        for id_, vector in zip(held["ids"], np.asarray(held["embeddings"], dtype=np.float32), strict=True):
            expected = np.frombuffer(due.get(id_, b""), dtype="<f4")
            if expected.shape != vector.shape or float(expected @ vector) < _SAME * float(np.linalg.norm(vector)):
                different.append(id_)
    return different
