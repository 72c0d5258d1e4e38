"""Stats: how much there is in a memory, of what, and what it is stored with."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import case, func, select, text

from pilotage.memory.ledger.ledger import Ledger
from pilotage.memory.ledger.schema import WITHDRAWN_HASHES, concepts, events, vectors

_BYTES = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT pg_database_size(current_database())",
}


@dataclass(frozen=True)
class StoreStats:
    """Figures of one namespace, and of the ledger that holds it.

    Attributes:
        namespace: whose concepts.
        ledger: file or database.
        schema_version: of the ledger's tables.
        concepts: how many, retired ones left out.
        retired: how many are retired.
        by_kind: active concepts by kind.
        by_status: concepts by status, retired ones too.
        events: how many changes the namespace has seen.
        first_event: when the first was, as ISO 8601 text; empty without events.
        last_event: when the last was.
        embedder: model, dimensions and weights of the vectors; empty before the first write.
        vectors: how many concepts of the namespace have a vector by that embedder.
        ledger_bytes: size of the whole ledger, all namespaces.
        index_bytes: size of the embedded vector index; 0 where there is none.
    """

    namespace: str
    ledger: str
    schema_version: int
    concepts: int
    retired: int
    by_kind: dict[str, int]
    by_status: dict[str, int]
    events: int
    first_event: str
    last_event: str
    embedder: str
    vectors: int
    ledger_bytes: int
    index_bytes: int


def stats(ledger: Ledger, namespace: str, folder: Path | None) -> StoreStats:
    """The figures, from one snapshot."""
    files = (folder / "index").rglob("*") if folder is not None else ()
    mine = (concepts.c.namespace == namespace) & concepts.c.content_hash.not_like(WITHDRAWN_HASHES)
    with ledger.read() as connection:
        rows = connection.execute(
            select(concepts.c.kind, concepts.c.status, func.count().label("n"))
            .where(mine)
            .group_by(concepts.c.kind, concepts.c.status)
        ).all()
        history = connection.execute(
            select(func.count(), func.min(events.c.at), func.max(events.c.at)).where(events.c.namespace == namespace)
        ).one()
        bound = ledger.embedder(connection)
        embedder = bound.key if bound else ""
        embedded = connection.scalar(
            select(func.count())
            .select_from(vectors.join(concepts, vectors.c.concept_id == concepts.c.id))
            .where(mine, vectors.c.embedder == embedder)
        )
        by_kind: Counter[str] = Counter()
        by_status: Counter[str] = Counter()
        for row in rows:
            by_status[row.status] += row.n
            if row.status != "retired":
                by_kind[row.kind] += row.n
        return StoreStats(
            namespace=namespace,
            ledger=ledger.name,
            schema_version=int(ledger.meta(connection, "schema_version") or 0),
            concepts=by_kind.total(),
            retired=by_status["retired"],
            by_kind=dict(sorted(by_kind.items())),
            by_status=dict(sorted(by_status.items())),
            events=int(history[0]),
            first_event=history[1] or "",
            last_event=history[2] or "",
            embedder=embedder,
            vectors=int(embedded or 0),
            ledger_bytes=int(connection.scalar(text(_BYTES[ledger.dialect])) or 0),
            index_bytes=sum(file.stat().st_size for file in files if file.is_file()),
        )


def namespaces(ledger: Ledger) -> dict[str, int]:
    """Active concepts of every namespace: for whoever runs the whole ledger, never for one tenant."""
    active = func.sum(case((concepts.c.status != "retired", 1), else_=0))
    with ledger.read() as connection:
        query = select(concepts.c.namespace, active.label("n")).group_by(concepts.c.namespace)
        return {row.namespace: int(row.n or 0) for row in connection.execute(query.order_by(concepts.c.namespace))}
