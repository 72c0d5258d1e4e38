"""Exchange: a memory as JSON Lines, from which an equal one can be made.

The first line is a header: format version, namespace, number of concepts. Each further line is one concept with all
that is known of it (id, status, version, provenance, outcomes, `seen`), retired ones included, oldest first. The
events that led there stay in the ledger.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

from sqlalchemy import func, select

from pilotage.common.paths import expanded
from pilotage.memory.concept import CONCEPT_FORMAT, Concept, now
from pilotage.memory.ledger.ledger import Ledger
from pilotage.memory.ledger.schema import WITHDRAWN_HASHES, concepts

EXPORT_FORMAT = 1
HEADER = "pilotage_export"
Format = Literal["jsonl", "arcmemo"]


def export(ledger: Ledger, namespace: str, target: str | Path | IO[str], form: Format = "jsonl") -> int:
    """Write a namespace to a file, whole or not at all, or to an open text stream; returns how many concepts."""
    with _opened(target) as stream:
        if form == "arcmemo":
            from pilotage.memory.formats.arcmemo_export import as_arcmemo

            document, count = as_arcmemo(_every(ledger, namespace))
            json.dump(document, stream, indent=2, ensure_ascii=False)
            stream.write("\n")
            return count
        return _export_lines(ledger, namespace, stream)


def _export_lines(ledger: Ledger, namespace: str, stream: IO[str]) -> int:
    done = 0
    for concept in _every(ledger, namespace, header_to=stream):
        stream.write(concept.model_dump_json() + "\n")
        done += 1
    return done


def _every(ledger: Ledger, namespace: str, header_to: IO[str] | None = None) -> Iterator[Concept]:
    """Every concept of one snapshot, oldest first, a few in memory at a time."""
    mine = (concepts.c.namespace == namespace) & concepts.c.content_hash.not_like(WITHDRAWN_HASHES)
    query = select(concepts.c.body).where(mine).order_by(concepts.c.added_seq).execution_options(yield_per=500)
    with ledger.read() as connection:
        if header_to is not None:
            total = int(connection.scalar(select(func.count()).select_from(concepts).where(mine)) or 0)
            header_to.write(json.dumps(_header(namespace, total), ensure_ascii=False) + "\n")
        for body in connection.scalars(query):
            yield Concept.stored(body)


def _header(namespace: str, total: int) -> dict[str, Any]:
    return {
        HEADER: EXPORT_FORMAT,
        "concept_format": CONCEPT_FORMAT,
        "namespace": namespace,
        "concepts": total,
        "at": now().isoformat(),
    }


@contextmanager
def _opened(target: str | Path | IO[str]) -> Iterator[IO[str]]:
    """The stream to write to. A file appears under its name only when it is complete and on disk."""
    if not isinstance(target, (str, Path)):
        yield target
        return
    path = expanded(target)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
