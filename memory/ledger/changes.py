"""Changes: what an event did to a concept, field by field. Undo and the view of an earlier moment read them.

A concept is compared as a flat mapping: `outcomes.helped` is a field of its own, so that two runs that count at once do
not stand in each other's way. `withdrawn` is a field beside the concept's own: its adding was undone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilotage.memory.concept import Concept, ConceptDraft

Changes = dict[str, list[Any]]
"""Field to [before, after]."""

WITHDRAWN = "withdrawn"
_CONTENT = frozenset(ConceptDraft.model_fields)
_SEARCHED = _CONTENT | {"status", WITHDRAWN}


def flatten(concept: Concept, withdrawn: bool) -> dict[str, Any]:
    """The fields of a concept as JSON values, outcomes one by one."""
    body = concept.model_dump(mode="json")
    outcomes = body.pop("outcomes")
    return {**body, **{f"outcomes.{name}": count for name, count in outcomes.items()}, WITHDRAWN: withdrawn}


def unflatten(fields: Mapping[str, Any]) -> Concept:
    """The concept with these fields."""
    body = {name: value for name, value in fields.items() if "." not in name and name != WITHDRAWN}
    outcomes = {name.partition(".")[2]: value for name, value in fields.items() if name.startswith("outcomes.")}
    return Concept.model_validate({**body, "outcomes": outcomes})


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
    """The fields that differ."""
    return {
        name: [before.get(name), after.get(name)] for name in {**before, **after} if before.get(name) != after.get(name)
    }


def is_counter(field: str) -> bool:
    """Whether the field counts something: then changes to it add up and never stand in each other's way."""
    return field == "seen" or field.startswith("outcomes.")


def is_content(field: str) -> bool:
    """Whether the field is part of what the concept says."""
    return field in _CONTENT


def touches_search(changes: Mapping[str, Any]) -> bool:
    """Whether a search may return something else than before."""
    return not _SEARCHED.isdisjoint(changes)
