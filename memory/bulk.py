"""Adding many concepts at once: a handful of statements for all of them, and repeats within the batch found together.

One by one, each concept costs a dozen statements and a search; together they cost about half a millisecond each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from sqlalchemy import Connection, insert, select

from memory.concept import Concept, now
from memory.duplicates import NEAR_DUPLICATE, says_the_same
from memory.embedding import Vectors
from memory.ledger import By
from memory.lexical import KeywordIndex
from memory.schema import concepts, events, vectors

_BLOCK = 512  # rows of the similarity matrix at once
_PARAMETERS = 500  # of one statement
_NEAREST = 3


@dataclass(frozen=True)
class NewConcept:
    """A concept that is not in the ledger yet, as its three rows need it."""

    concept: Concept
    content_hash: str
    vector: bytes


def ids_by_hash(connection: Connection, namespace: str, hashes: Iterable[str]) -> dict[str, str]:
    """Content hash to id, for those of some hashes that the ledger knows."""
    found: dict[str, str] = {}
    left = iter(dict.fromkeys(hashes))
    while part := list(islice(left, _PARAMETERS)):
        query = select(concepts.c.content_hash, concepts.c.id).where(
            concepts.c.namespace == namespace, concepts.c.content_hash.in_(part)
        )
        found.update((row.content_hash, row.id) for row in connection.execute(query))
    return found


def insert_new(
    connection: Connection, new: Sequence[NewConcept], by: By, embedder: str, words: KeywordIndex | None
) -> None:
    """Write concepts that the ledger does not hold, each as an `added` event, within the caller's transaction.

    Args:
        connection: from `Ledger.write()`.
        new: what to write; no two of one namespace with the same content.
        by: who does it, and why.
        embedder: key of the embedder of the vectors.
        words: the keyword index, where there is one.
    """
    if not new:
        return
    at = now().isoformat(timespec="microseconds")
    bodies = [one.concept.model_dump_json() for one in new]
    shared = {"at": at, "actor": by.actor, "cause": by.cause, "run": by.run, "action": "added", "changes": "{}"}
    lines: list[dict[str, Any]] = [
        {**shared, "namespace": one.concept.namespace, "concept_id": one.concept.id, "body": body}
        for one, body in zip(new, bodies, strict=True)
    ]
    seqs = connection.scalars(insert(events).returning(events.c.seq, sort_by_parameter_order=True), lines).all()
    connection.execute(
        insert(concepts),
        [
            {
                "id": one.concept.id,
                "namespace": one.concept.namespace,
                "kind": one.concept.kind,
                "status": one.concept.status,
                "content_hash": one.content_hash,
                "changed_seq": seq,
                "added_seq": seq,
                "body": body,
            }
            for one, body, seq in zip(new, bodies, seqs, strict=True)
        ],
    )
    connection.execute(
        insert(vectors),
        [{"concept_id": one.concept.id, "embedder": embedder, "data": one.vector} for one in new],
    )
    if words is not None:
        words.put_new(connection, [(seq, one.concept) for one, seq in zip(new, seqs, strict=True)])


def twins_within(batch: Sequence[Concept], made: Vectors) -> list[int | None]:
    """For each concept of a batch the place of an earlier one that says the same, or None."""
    twins: list[int | None] = [None] * len(batch)
    for start in range(0, len(batch), _BLOCK):
        stop = min(start + _BLOCK, len(batch))
        similar = made[start:stop] @ made[:stop].T
        similar[np.arange(stop) >= np.arange(start, stop)[:, None]] = -1.0  # only what came before
        for row in np.flatnonzero(similar.max(axis=1) >= NEAR_DUPLICATE).tolist():
            line = similar[row]
            for place in np.argsort(-line, kind="stable")[:_NEAREST].tolist():
                if says_the_same(batch[start + row], batch[place], float(line[place])):
                    earlier = twins[place]
                    twins[start + row] = place if earlier is None else earlier
                    break
    return twins
