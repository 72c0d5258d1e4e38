"""Exchange: a memory as JSON Lines, from which an equal one can be made.

The first line is a header: format version, namespace, number of concepts. Each further line is one concept with all
that is known of it (id, status, version, provenance, outcomes, `seen`), retired ones included, oldest first. The
events that led there stay in the ledger.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal

from sqlalchemy import func, select

from pilotage.common.files import replace
from pilotage.common.paths import expanded
from pilotage.memory.concept import CONCEPT_FORMAT, Concept, now
from pilotage.memory.ledger.ledger import Ledger
from pilotage.memory.ledger.schema import WITHDRAWN_HASHES, concepts

EXPORT_FORMAT = 1
HEADER = "pilotage_export"
Format = Literal["jsonl", "arcmemo"]


def export(ledger: Ledger, namespace: str, target: str | Path | IO[str], form: Format = "jsonl") -> int:
    """Write a namespace to a file, whole or not at all, or to an open text stream; returns how many concepts."""
    count = 0

    def lines() -> Iterator[str]:
        nonlocal count
        if form == "arcmemo":
            from pilotage.memory.formats.arcmemo_export import as_arcmemo

            document, count = as_arcmemo(one for one in _snapshot(ledger, namespace) if isinstance(one, Concept))
            yield json.dumps(document, indent=2, ensure_ascii=False) + "\n"
            return
        for one in _snapshot(ledger, namespace):
            if isinstance(one, Concept):
                count += 1
                yield one.model_dump_json() + "\n"
            else:
                yield json.dumps(one, ensure_ascii=False) + "\n"

    if isinstance(target, (str, Path)):
        replace(expanded(target), (line.encode() for line in lines()))
    else:
        target.writelines(lines())
    return count


def _snapshot(ledger: Ledger, namespace: str) -> Iterator[dict[str, Any] | Concept]:
    """The header, then every concept of one snapshot, oldest first, a few in memory at a time."""
    mine = (concepts.c.namespace == namespace) & concepts.c.content_hash.not_like(WITHDRAWN_HASHES)
    query = select(concepts.c.body).where(mine).order_by(concepts.c.added_seq).execution_options(yield_per=500)
    with ledger.read() as connection:
        yield {
            HEADER: EXPORT_FORMAT,
            "concept_format": CONCEPT_FORMAT,
            "namespace": namespace,
            "concepts": int(connection.scalar(select(func.count()).select_from(concepts).where(mine)) or 0),
            "at": now().isoformat(),
        }
        for body in connection.scalars(query):
            yield Concept.stored(body)
