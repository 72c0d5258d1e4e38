"""Writing events: concepts are added and changed here and nowhere else, one or many in a handful of statements.

One by one, each concept costs a dozen statements and a search; together they cost about half a millisecond each.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Connection, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from pilotage.memory.concept import Concept, now
from pilotage.memory.errors import StaleConcept
from pilotage.memory.ledger.bounds import parts
from pilotage.memory.ledger.changes import (
    WITHDRAWN,
    Changes,
    difference,
    flatten,
    is_content,
    touches_search,
    unflatten,
)
from pilotage.memory.ledger.ledger import Action, By, Event
from pilotage.memory.ledger.schema import concepts, events, pending_hash, vectors, withdrawn_hash
from pilotage.memory.namespace import Namespace

_RELEASE = (
    update(concepts)
    .where(concepts.c.id == bindparam("of"), concepts.c.content_hash != bindparam("withdrawn"))
    .values(content_hash=bindparam("pending"))
)
_CHANGE = (
    update(concepts)
    .where(concepts.c.id == bindparam("of"))
    .values(
        kind=bindparam("kind"),
        status=bindparam("status"),
        content_hash=bindparam("content_hash"),
        body=bindparam("body"),
        changed_seq=func.coalesce(bindparam("seq", type_=concepts.c.changed_seq.type), concepts.c.changed_seq),
    )
)


@dataclass(frozen=True)
class NewConcept:
    """A concept that is not in the ledger yet, as its three rows need it."""

    concept: Concept
    content_hash: str
    vector: bytes


@dataclass(frozen=True)
class ConceptChange:
    """An event of a concept that the ledger holds: the concept after it, and whether that counts as never added."""

    action: Action
    concept: Concept
    changes: Changes
    withdrawn: bool
    body: dict[str, Any]

    @classmethod
    def between(cls, action: Action, before: Mapping[str, Any], after: Mapping[str, Any], body: dict[str, Any]) -> Self:
        """The change from some fields, as `fields_of` gives them, to others."""
        return cls(action, unflatten(after), difference(before, after), after[WITHDRAWN], body)


def record(
    space: Namespace,
    connection: Connection,
    action: Action,
    changed: Sequence[Concept],
    by: By,
    bodies: Mapping[str, dict[str, Any]] | None = None,
) -> None:
    """Write what concepts have become, each as an event; without a body for its id that carries the whole concept."""
    before = fields_of(connection, [concept.id for concept in changed])
    steps = []
    for concept in changed:
        withdrawn = before[concept.id][WITHDRAWN] and concept.status == "retired"  # so until it is active again
        changes = difference(before[concept.id], flatten(concept, withdrawn))
        body = (bodies or {}).get(concept.id) or concept.model_dump(mode="json")
        steps.append(ConceptChange(action, concept, changes, withdrawn, body))
    append_all(space, connection, steps, by)


def fields_of(connection: Connection, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The fields of these concepts as `pilotage.memory.ledger.changes` compares them, by id."""
    query = select(concepts.c.id, concepts.c.content_hash, concepts.c.body)
    return {
        row.id: flatten(Concept.stored(row.body), row.content_hash == withdrawn_hash(row.id))
        for part in parts(ids)
        for row in connection.execute(query.where(concepts.c.id.in_(part)))
    }


def ids_by_hash(connection: Connection, namespace: str, hashes: Iterable[str]) -> dict[str, str]:
    """Content hash to id, for those of some hashes that the ledger knows."""
    id_of: dict[str, str] = {}
    for part in parts(dict.fromkeys(hashes)):
        query = select(concepts.c.content_hash, concepts.c.id).where(
            concepts.c.namespace == namespace, concepts.c.content_hash.in_(part)
        )
        id_of.update((row.content_hash, row.id) for row in connection.execute(query))
    return id_of


def insert_new(space: Namespace, connection: Connection, new: Sequence[NewConcept], by: By) -> None:
    """Write concepts that the ledger does not hold, no two with the same content, each as an `added` event.

    The embedder of the space made the vectors and has been claimed.
    """
    if not new:
        return
    bodies = [one.concept.model_dump_json() for one in new]
    lines = [(one.concept, "added", body, "{}") for one, body in zip(new, bodies, strict=True)]
    _, seqs = _insert_events(connection, by, lines)
    rows = [
        {
            **one.concept.model_dump(include={"id", "namespace", "kind", "status"}),
            "content_hash": one.content_hash,
            "changed_seq": seq,
            "added_seq": seq,
            "body": body,
        }
        for one, body, seq in zip(new, bodies, seqs, strict=True)
    ]
    connection.execute(insert(concepts), rows)
    key = space.vectors.identity.key
    made = [{"concept_id": one.concept.id, "embedder": key, "data": one.vector} for one in new]
    connection.execute(insert(vectors), made)
    space.keywords.put_new(connection, [(seq, one.concept) for one, seq in zip(new, seqs, strict=True)])


def release_contents(connection: Connection, steps: Sequence[ConceptChange]) -> None:
    """Let go of what some concepts say: only what they say after the last step must not be what another one says."""
    ids = {step.concept.id for step in steps if WITHDRAWN in step.changes or any(map(is_content, step.changes))}
    if ids:
        claims = [{"of": id, "withdrawn": withdrawn_hash(id), "pending": pending_hash(id)} for id in ids]
        connection.execute(_RELEASE, claims)


def append_all(space: Namespace, connection: Connection, steps: Sequence[ConceptChange], by: By) -> list[Event]:
    """Write events in order, each of a concept's from where the one before led; returns them.

    After the last of them no two concepts may say the same; see `release_contents` for what they say before.

    Raises:
        StaleConcept: another concept has the content of one of these.
    """
    if not steps:
        return []
    lines = [(step.concept, step.action, json.dumps(step.body), json.dumps(step.changes)) for step in steps]
    at, seqs = _insert_events(connection, by, lines)
    searched = {step.concept.id: seq for step, seq in zip(steps, seqs, strict=True) if touches_search(step.changes)}
    last = {step.concept.id: step for step in steps}
    rows = [
        {
            "of": id,
            "kind": step.concept.kind,
            "status": step.concept.status,
            "content_hash": withdrawn_hash(id) if step.withdrawn else step.concept.content_hash,
            "body": step.concept.model_dump_json(),
            "seq": searched.get(id),
        }
        for id, step in last.items()
    ]
    try:
        connection.execute(_CHANGE, rows)
    except IntegrityError as error:
        raise StaleConcept(
            f"another concept says exactly what '{', '.join(last)}' would say: forget or revise one of the two first"
        ) from error
    if searched:
        space.keywords.put_all(connection, [last[id].concept for id in searched])
    return [
        Event(seq, at, by.actor, by.cause, step.concept.id, step.action, step.body, by.run, step.changes)
        for step, seq in zip(steps, seqs, strict=True)
    ]


def _insert_events(
    connection: Connection, by: By, lines: Sequence[tuple[Concept, str, str, str]]
) -> tuple[str, Sequence[int]]:
    """Append a line for each concept, action, body and changes; returns when, and the lines' numbers."""
    at = now().isoformat(timespec="microseconds")
    rows = [
        {
            "at": at,
            **vars(by),
            "namespace": concept.namespace,
            "concept_id": concept.id,
            "action": action,
            "body": body,
            "changes": changes,
        }
        for concept, action, body, changes in lines
    ]
    return at, connection.scalars(insert(events).returning(events.c.seq, sort_by_parameter_order=True), rows).all()
