"""Concepts as ArcMemo's program-synthesis store: one JSON object that its `ConceptMemory` loads.

ArcMemo knows no lessons there; they stand under a key of their own, which it ignores. Retired concepts are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pilotage.memory.concept import Concept
from pilotage.memory.formats.arcmemo import SOLUTION


def as_arcmemo(concepts: Iterable[Concept]) -> tuple[dict[str, Any], int]:
    """The document, and how many concepts are in it."""
    document: dict[str, Any] = {"concepts": {}, "solutions": {}, "custom_types": {}}
    lessons: dict[str, list[dict[str, str]]] = {}
    count = 0
    for concept in concepts:
        if concept.status == "retired":
            continue
        count += 1
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
    return document, count


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
