"""Concepts of the caller's namespace: list, search, read, add, edit, history, undo, forget."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, get_args

from pilotage.agent.serve.errors import ApiError
from pilotage.agent.serve.fields import wrong
from pilotage.memory.concept import Concept, ConceptDraft, ConceptKind, Status
from pilotage.memory.errors import StaleConcept

if TYPE_CHECKING:
    from pilotage.memory import ConceptStore
    from pilotage.memory.ledger.ledger import Event

ACTOR = "user"
MOST = 200
"""Concepts of a page."""
_LARGEST = 10**9
_QUERY = ("limit", "offset", "status", "kind", "query", "user", "namespace")


def page(store: ConceptStore, asked: Mapping[str, str]) -> dict[str, Any]:
    """A page of the concepts, oldest first; with a `query` the nearest to it, best first."""
    if unknown := sorted(asked.keys() - set(_QUERY)):
        raise ApiError(400, f"`{unknown[0]}` is not asked for here", param=unknown[0], code="unknown_parameter")
    limit, offset = _number(asked, "limit", 50, 1, MOST), _number(asked, "offset", 0, 0, _LARGEST)
    status: Any = _one_of(asked, "status", get_args(Status))
    kind: Any = _one_of(asked, "kind", get_args(ConceptKind))
    if query := asked.get("query"):
        if status == "retired":
            raise wrong("status", "is not retired beside a query, which finds none of those")
        hits = store.search(query, offset + limit + 1 if not (status or kind) else _LARGEST)
        found = [hit for hit in hits if status in (None, hit.concept.status) and kind in (None, hit.concept.kind)]
        shown = [shape(hit.concept) | {"similarity": round(hit.similarity, 4)} for hit in found[offset:]]
    else:
        shown = [*map(shape, store.browse(kind=kind, status=status, limit=limit + 1, offset=offset))]
    return {"object": "list", "data": shown[:limit], "has_more": len(shown) > limit, "limit": limit, "offset": offset}


def shape(concept: Concept) -> dict[str, Any]:
    """A concept as a client sees it; the namespace is the key's own, and its name no client's business."""
    return {"object": "concept", **concept.model_dump(mode="json", exclude={"namespace", "format"})}


def etag(concept: Concept) -> str:
    """Names the content as it is; `If-Match` on an edit asks for it."""
    return f'"{concept.version}"'


def add(store: ConceptStore, body: Any) -> tuple[Concept, bool]:
    """Stores a draft as provisional; returns what holds it, and whether it is new."""
    (made,) = store.propose([ConceptDraft.parse(_object(body))], actor=ACTOR)
    return store.get(made.id), made.outcome == "added"


def edit(store: ConceptStore, id: str, body: Any, if_match: str | None) -> Concept:
    """Changes fields of a concept, if it is still at the version that `if_match` names."""
    store.get(id)  # one that is not there is told before a fault of the body
    changes = _object(body)
    if unknown := sorted(changes.keys() - ConceptDraft.model_fields.keys()):
        raise ApiError(400, f"a concept has no field `{unknown[0]}`", param=unknown[0], code="unknown_parameter")
    if not changes:
        raise ApiError(400, "the body names no field to change")
    expected = _matching(store, id, if_match)
    try:
        return store.revise(id, changes, expected_version=expected, actor=ACTOR)
    except StaleConcept:
        if expected is None:
            raise
        raise _changed() from None


def history(store: ConceptStore, id: str) -> dict[str, Any]:
    """Everything that happened to a concept, oldest first."""
    return {"object": "list", "data": [_event(event) for event in store.history(id)], "has_more": False}


def undo(store: ConceptStore, id: str, body: Any, if_match: str | None) -> Concept:
    """Takes one event of a concept back: the one that the body names, else the last."""
    _matching(store, id, if_match)
    events = store.history(id)
    seq = _object(body).get("event", events[-1].seq)
    if type(seq) is not int:
        raise wrong("event", "is the number of an event")
    if seq not in {event.seq for event in events}:
        raise ApiError(404, f"the concept has no event {seq}", param="event", code="event_not_found")
    store.undo(seq, actor=ACTOR)
    return store.get(id)


def forget(store: ConceptStore, id: str, if_match: str | None) -> dict[str, Any]:
    """Retires a concept; `undo` brings it back."""
    _matching(store, id, if_match)
    store.forget(id, actor=ACTOR)
    return {"object": "concept.forgotten", "id": id, "forgotten": True}


def _matching(store: ConceptStore, id: str, if_match: str | None) -> int | None:
    """The version that `If-Match` names, where the concept is still at it; None where it names none.

    Raises:
        ApiError: 412, the concept is at another version; 400, the header is no `ETag` of a concept.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    # A proxy that compresses replies makes weak tags of ours; the content that they name is the same.
    tags = [re.fullmatch(r'\s*(?:W/)?"(\d{1,9})"\s*', tag) for tag in if_match.split(",")]
    if not all(tags):
        raise ApiError(400, "`If-Match` is the `ETag` of the concept as it was read", param="If-Match")
    version = store.get(id).version
    if version not in {int(tag[1]) for tag in tags if tag is not None}:
        raise _changed()
    return version


def _changed() -> ApiError:
    return ApiError(412, "the concept was changed meanwhile: read it again", code="precondition_failed")


def _event(event: Event) -> dict[str, Any]:
    body = {name: value for name, value in event.body.items() if name not in ("namespace", "format")}
    return {"object": "concept.event", **asdict(event), "body": body}


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise ApiError(400, "the body is no JSON object")
    return body


def _number(asked: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = asked.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 12 and least <= int(text) <= most):
        raise wrong(name, f"is a whole number from {least} to {most}")
    return int(text)


def _one_of(asked: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str | None:
    if (value := asked.get(name)) is not None and value not in choices:
        raise wrong(name, f"is one of {', '.join(choices)}")
    return value
