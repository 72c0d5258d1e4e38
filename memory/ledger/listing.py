"""Listing: concepts by kind and status in a chosen order, and a concept by the start of its id."""

from __future__ import annotations

from typing import Literal, get_args

from sqlalchemy import select

from pilotage.common.text import carriable
from pilotage.memory.concept import Concept, ConceptKind, Status
from pilotage.memory.errors import InvalidConcept, UnknownConcept
from pilotage.memory.ledger.bounds import amount
from pilotage.memory.ledger.ledger import Ledger
from pilotage.memory.ledger.schema import WITHDRAWN_HASHES, concepts

Sort = Literal["added", "changed", "title", "seen", "recalled", "helped", "harmed", "posterior"]
_COLUMNS = {"added": concepts.c.added_seq, "changed": concepts.c.changed_seq}
_SHOWN = 3  # ids in the message about an ambiguous one


def browse(
    ledger: Ledger,
    namespace: str,
    *,
    kind: ConceptKind | None,
    status: Status | None,
    sort: Sort,
    limit: int | None,
    offset: int,
) -> list[Concept]:
    """The concepts that fit; `ConceptStore.browse` documents the arguments."""
    _check("kind", kind, ConceptKind)
    _check("status", status, Status)
    _check("sort", sort, Sort)
    mine = (concepts.c.namespace == namespace) & concepts.c.content_hash.not_like(WITHDRAWN_HASHES)
    query = select(concepts.c.body).where(mine)
    query = query.where(concepts.c.status == status if status else concepts.c.status != "retired")
    if kind:
        query = query.where(concepts.c.kind == kind)
    limit, offset = None if limit is None else amount("limit", limit), amount("offset", offset)
    column = _COLUMNS.get(sort)
    if column is not None:
        query = query.order_by(column if sort == "added" else column.desc()).limit(limit).offset(offset)
    else:
        query = query.order_by(concepts.c.added_seq)
    with ledger.read() as connection:
        matching = [Concept.stored(body) for body in connection.scalars(query)]
    if column is not None:
        return matching
    end = None if limit is None else offset + limit
    if sort == "title":
        return sorted(matching, key=lambda concept: concept.title.casefold())[offset:end]
    return sorted(matching, key=lambda concept: _figure(concept, sort), reverse=True)[offset:end]


def find_id(ledger: Ledger, namespace: str, text: str) -> str:
    """The id that `text` is, or is the start of.

    Raises:
        UnknownConcept: there is none, or more than one.
    """
    text = carriable(text)
    if "\0" in text:  # PostgreSQL cannot even be asked
        raise UnknownConcept(f"no concept {text!r} in namespace '{namespace}'")
    mine = concepts.c.namespace == namespace
    query = select(concepts.c.id).where(mine, concepts.c.id.startswith(text, autoescape=True)).limit(_SHOWN + 1)
    with ledger.read() as connection:
        if connection.scalar(select(concepts.c.id).where(mine, concepts.c.id == text)) is not None:
            return text
        matching = list(connection.scalars(query.order_by(concepts.c.id))) if text else []
    if len(matching) == 1:
        return str(matching[0])
    if matching:
        shown = ", ".join(matching[:_SHOWN]) + (", ..." if len(matching) > _SHOWN else "")
        raise UnknownConcept(f"'{text}' is the start of several ids ({shown}): give more of it")
    raise UnknownConcept.called(text, namespace)


def _figure(concept: Concept, sort: Sort) -> float:
    return float(concept.seen if sort == "seen" else getattr(concept.outcomes, sort))


def _check(name: str, value: str | None, choices: object) -> None:
    known = get_args(choices)
    if value is not None and value not in known:
        raise InvalidConcept(f"'{value}' is no {name}: choose from {', '.join(known)}")
