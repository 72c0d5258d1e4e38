"""NearDuplicates: which new concepts say what another one says, a stored one or an earlier one of their batch.

A few texts are looked up in the index. Many are compared with every stored vector, which costs less from one text for
100 stored ones on, and misses none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from sqlalchemy import Connection

from memory.close_pairs import BLOCK, ClosePairs, Pairs, closest, joined
from memory.concept import Concept
from memory.duplicates import NEAR_DUPLICATE, says_the_same
from memory.embedding import Vectors
from memory.ledger import Ledger
from memory.scan import Neighbour
from memory.vectors import VectorStore

_NEAREST = 3
_MANY = 64  # texts; fewer are always left to the index
_STORED_PER_TEXT = 100
_PARAMETERS = 500  # of one statement


class NearDuplicates:
    """Looks for them in one namespace."""

    def __init__(self, ledger: Ledger, vectors: VectorStore, namespace: str) -> None:
        self._ledger = ledger
        self._vectors = vectors
        self._namespace = namespace

    def stored(self, new: Sequence[Concept], made: Vectors) -> list[str | None]:
        """For each new concept, with its vector, the id of a stored one that says the same, or None."""
        near = self._near(made)
        ids = sorted({neighbour.id for found in near for neighbour in found})
        stored: dict[str, Concept] = {}
        with self._ledger.read() as connection:
            for start in range(0, len(ids), _PARAMETERS):
                stored |= self._ledger.get(connection, self._namespace, ids[start : start + _PARAMETERS])
        return [
            next(
                (
                    neighbour.id
                    for neighbour in found
                    if neighbour.id in stored and says_the_same(concept, stored[neighbour.id], neighbour.similarity)
                ),
                None,
            )
            for concept, found in zip(new, near, strict=True)
        ]

    def _near(self, made: Vectors) -> list[list[Neighbour]]:
        """For each vector the nearest stored ones that are near enough to say the same."""
        with self._ledger.read() as connection:
            count = self._ledger.count(connection, self._namespace) if len(made) >= _MANY else None
            if count is not None and count <= _STORED_PER_TEXT * len(made):
                return self._compared(connection, made)
            if self._ledger.is_empty(connection, self._namespace):
                return [[] for _ in made]
        return [
            [neighbour for neighbour in found if neighbour.similarity >= NEAR_DUPLICATE]
            for found in self._vectors.nearest_to_each(made, _NEAREST)
        ]

    def _compared(self, connection: Connection, made: Vectors) -> list[list[Neighbour]]:
        """The same by comparing all of them, a block at a time."""
        close = ClosePairs(made, NEAR_DUPLICATE)
        key = self._vectors.identity.key
        ids: list[str] = []
        nearest = Pairs.none()
        since = 0
        while rows := self._ledger.changes(connection, self._namespace, key, since, BLOCK):
            since = rows[-1].changed_seq
            present = [(row.id, row.vector) for row in rows if row.active and row.vector is not None]
            if not present:
                continue
            block = np.frombuffer(b"".join(vector for _, vector in present), dtype="<f4").reshape(len(present), -1)
            found = close.among(block)
            if len(found.row):
                found = replace(found, place=found.place + len(ids))
                ids += [id_ for id_, _ in present]
                nearest = closest(joined([nearest, found]), _NEAREST)
        near: list[list[Neighbour]] = [[] for _ in made]
        for row, place, similarity in zip(nearest.row, nearest.place, nearest.similarity, strict=True):
            near[row].append(Neighbour(ids[place], float(similarity)))
        return near


def twins_within(batch: Sequence[Concept], made: Vectors) -> list[int | None]:
    """For each concept of a batch the place of an earlier one that says the same, or None."""
    twins: list[int | None] = [None] * len(batch)
    if len(batch) < 2:
        return twins
    close = ClosePairs(made, NEAR_DUPLICATE)
    nearest = Pairs.none()
    for start in range(0, len(batch), BLOCK):
        found = close.among(made[start : start + BLOCK])
        earlier = found.place + start < found.row
        if earlier.any():
            before = Pairs(found.row[earlier], found.place[earlier] + start, found.similarity[earlier])
            nearest = closest(joined([nearest, before]), _NEAREST)
    for row, place, similarity in zip(nearest.row, nearest.place, nearest.similarity, strict=True):
        if twins[row] is None and says_the_same(batch[row], batch[place], float(similarity)):
            first = twins[place]
            twins[row] = int(place) if first is None else first
    return twins
