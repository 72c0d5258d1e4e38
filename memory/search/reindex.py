"""Moving a ledger to another embedder while it is in use.

The new vectors are written beside the old ones, which serve every search until all are there. Then one transaction
drops the old ones and binds the ledger to the new embedder. Stopped half way, even by kill -9, it goes on from there
when it is started again.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, delete, func, select

from pilotage.memory.concept import Concept
from pilotage.memory.embedders.embedder import Embedder, embed_checked
from pilotage.memory.ledger.ledger import Ledger
from pilotage.memory.ledger.schema import concepts, vectors

_BATCH = 256
OnProgress = Callable[[int, int], None]
"""Called with how many concepts of a ledger are embedded by the new embedder, and how many there are."""


def move(ledger: Ledger, embedder: Embedder, on_progress: OnProgress | None = None) -> int:
    """Embed every concept of every namespace with `embedder`, then bind the ledger to it; returns how many it embedded.

    Raises:
        EmbedderError: the embedder did not return what it must; what it did before is kept.
    """
    ledger.require_writable()
    key = embedder.identity.key
    made_now, last = 0, 0
    with ledger.read() as connection:
        total = connection.scalar(select(func.count()).select_from(concepts)) or 0
        done = connection.scalar(select(func.count()).where(vectors.c.embedder == key)) or 0
    while True:
        with ledger.read() as connection:
            missing = _missing(connection, key, last)
        if missing:
            made_now += (new := _embed(ledger, embedder, [concept for _, concept in missing]))
            last = missing[-1][0]
            done += new
        else:
            with ledger.write() as connection:
                if not _missing(connection, key, 0, limit=1):
                    connection.execute(delete(vectors).where(vectors.c.embedder != key))
                    ledger.bind(connection, embedder.identity)
                    break
            last = 0  # something was added or revised meanwhile: another round
        if on_progress is not None:
            on_progress(min(done, total), total)
    return made_now


def _embed(ledger: Ledger, embedder: Embedder, missing: list[Concept]) -> int:
    made = embed_checked(embedder, [concept.search_text for concept in missing])
    with ledger.write() as connection:
        present = ledger.get(connection, None, [concept.id for concept in missing])
        # A concept that was revised meanwhile has another text by now: it waits for the next round.
        fresh = {
            concept.id: row.tobytes()
            for concept, row in zip(missing, made, strict=True)
            if concept.id in present and present[concept.id].search_text == concept.search_text
        }
        ledger.put_vectors(connection, embedder.identity.key, fresh, beside=True)
    return len(fresh)


def _missing(connection: Connection, key: str, after: int, limit: int = _BATCH) -> list[tuple[int, Concept]]:
    query = (
        select(concepts.c.added_seq, concepts.c.body)
        .outerjoin(vectors, (vectors.c.concept_id == concepts.c.id) & (vectors.c.embedder == key))
        .where(vectors.c.concept_id.is_(None), concepts.c.added_seq > after)
        .order_by(concepts.c.added_seq)
        .limit(limit)
    )
    return [(row.added_seq, Concept.stored(row.body)) for row in connection.execute(query)]
