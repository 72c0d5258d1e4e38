"""Exporting: a memory as JSON Lines, from which an equal one can be made, or as ArcMemo's program-synthesis store.

Of JSON Lines the first line is a header: format version, namespace, number of concepts. Each further line is one
concept with all that is known of it (id, status, version, provenance, outcomes, `seen`), retired ones included, oldest
first. The events that led there stay in the ledger.

ArcMemo's is one JSON object that its `ConceptMemory` loads. It knows no lessons there; they stand under a key of their
own, which it ignores. Retired concepts are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Literal, get_args

from sqlalchemy import func, select

from pilotage.common.files import replace
from pilotage.common.paths import expanded
from pilotage.memory.concept import CONCEPT_FORMAT, Concept, now
from pilotage.memory.errors import InvalidArgument
from pilotage.memory.formats.arcmemo import SOLUTION
from pilotage.memory.ledger.ledger import Ledger
from pilotage.memory.ledger.schema import WITHDRAWN_HASHES, concepts

EXPORT_FORMAT = 1
HEADER = "pilotage_export"
Format = Literal["jsonl", "arcmemo"]


def check_form(form: str, choices: Sequence[str]) -> None:
    """Raise InvalidArgument for a form of file that there is not."""
    if form not in choices:
        raise InvalidArgument(f"unknown form '{form}': choose from {', '.join(choices)}")


def export(ledger: Ledger, namespace: str, target: str | Path | IO[str], form: Format) -> int:
    """Write a namespace to a file, whole or not at all, or to an open text stream; returns how many concepts."""
    check_form(form, get_args(Format))
    count = 0

    def counted(concepts: Iterable[Concept]) -> Iterator[Concept]:
        nonlocal count
        for concept in concepts:
            if form == "jsonl" or concept.status != "retired":
                count += 1
                yield concept

    def lines() -> Iterator[str]:
        with ledger.read() as connection:  # one snapshot, a few concepts in memory at a time
            mine = (concepts.c.namespace == namespace) & concepts.c.content_hash.not_like(WITHDRAWN_HASHES)
            query = select(concepts.c.body).where(mine).order_by(concepts.c.added_seq).execution_options(yield_per=500)
            every = counted(map(Concept.stored, connection.scalars(query)))
            if form == "arcmemo":
                yield json.dumps(_as_arcmemo(every), indent=2, ensure_ascii=False) + "\n"
                return
            header = {
                HEADER: EXPORT_FORMAT,
                "concept_format": CONCEPT_FORMAT,
                "namespace": namespace,
                "concepts": int(connection.scalar(select(func.count()).select_from(concepts).where(mine)) or 0),
                "at": now().isoformat(),
            }
            yield json.dumps(header, ensure_ascii=False) + "\n"
            yield from (f"{concept.model_dump_json()}\n" for concept in every)

    if isinstance(target, (str, Path)):
        replace(expanded(target), (line.encode() for line in lines()))
    else:
        target.writelines(lines())
    return count


def _as_arcmemo(every: Iterable[Concept]) -> dict[str, Any]:
    document: dict[str, Any] = {"concepts": {}, "solutions": {}, "custom_types": {}}
    lessons: dict[str, list[dict[str, str]]] = {}
    for concept in every:
        puzzle = concept.provenance.task_id
        if concept.kind == "type":
            document["custom_types"][_free(concept.title, document["custom_types"])] = concept.description
        elif concept.kind == "lesson":
            lessons.setdefault(puzzle, []).append(
                {"situation": " ".join(concept.cues), "suggestion": " ".join(concept.implementation)}
            )
        elif concept.subtype == SOLUTION and puzzle:
            document["solutions"][_free(puzzle, document["solutions"])] = {
                "problem_id": puzzle,
                "solution": None,
                "summary": concept.description or concept.title,
                "pseudocode": "\n".join(concept.implementation) or None,
            }
        else:
            name = _free(concept.title, document["concepts"])
            document["concepts"][name] = _concept(name, concept)
    if lessons:
        document["lessons"] = lessons
    return document


def _concept(name: str, concept: Concept) -> dict[str, Any]:
    task = concept.provenance.task_id
    return {
        "name": name,
        "kind": concept.kind,
        "routine_subtype": concept.subtype or None,
        "output_typing": concept.output_typing or None,
        "parameters": [
            {"name": one.name, "typing": one.typing or None, "description": one.description or None}
            for one in concept.parameters
        ],
        "description": concept.description or None,
        "cues": list(concept.cues),
        "implementation": list(concept.implementation),
        "used_in": list(concept.provenance.used_in) or ([task] if task else []),
    }


def _free(name: str, taken: dict[str, Any]) -> str:
    """The name, numbered where two concepts share it: ArcMemo tells them apart by name only."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free
