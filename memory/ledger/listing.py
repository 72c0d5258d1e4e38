"""Listing: concepts by kind and status in a chosen order, by the start of an id, and those that define a type."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Literal, get_args

from sqlalchemy import Connection, select

from pilotage.common.text import carriable
from pilotage.memory.concept import Concept, ConceptDraft, ConceptKind, Status
from pilotage.memory.errors import InvalidConcept, UnknownConcept
from pilotage.memory.ledger.bounds import amount
from pilotage.memory.ledger.ledger import Ledger
from pilotage.memory.ledger.schema import WITHDRAWN_HASHES, concepts

Sort = Literal["added", "changed", "title", "seen", "recalled", "helped", "harmed", "posterior"]
_PLAIN = frozenset(
    "int float str string bool boolean list dict tuple set any none callable function number integer text bytes "
    "object sequence iterable iterator mapping optional union literal numeric choice grid program nonetype of or and "
    "the".split()
)
_SHOWN = 3  # ids in the message about an ambiguous one


def browse(
    ledger: Ledger,
    namespace: str,
    kind: ConceptKind | None,
    status: Status | None,
    sort: Sort,
    limit: int | None,
    offset: int,
) -> list[Concept]:
    """The concepts that fit; `ConceptStore.browse` documents the arguments."""
    for name, value, choices in (("kind", kind, ConceptKind), ("status", status, Status), ("sort", sort, Sort)):
        if value is not None and value not in get_args(choices):
            raise InvalidConcept(f"'{value}' is no {name}: choose from {', '.join(get_args(choices))}")
    mine = (concepts.c.namespace == namespace) & concepts.c.content_hash.not_like(WITHDRAWN_HASHES)
    query = select(concepts.c.body).where(mine)
    query = query.where(concepts.c.status == status if status else concepts.c.status != "retired")
    if kind:
        query = query.where(concepts.c.kind == kind)
    limit, offset = None if limit is None else amount("limit", limit), amount("offset", offset)
    in_sql = sort in ("added", "changed")
    query = query.order_by(concepts.c.changed_seq.desc() if sort == "changed" else concepts.c.added_seq)
    with ledger.read() as connection:
        rows = connection.scalars(query.limit(limit).offset(offset) if in_sql else query)
        matching = [Concept.stored(body) for body in rows]
    if in_sql:
        return matching
    if sort == "title":
        matching.sort(key=lambda concept: concept.title.casefold())
    else:
        matching.sort(key=lambda one: one.seen if sort == "seen" else getattr(one.outcomes, sort), reverse=True)
    return matching[offset : None if limit is None else offset + limit]


def find_id(ledger: Ledger, namespace: str, text: str) -> str:
    """The id that `text` is, or is the start of. Raises UnknownConcept where there is none, or more than one."""
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


def named_types(drafts: Iterable[ConceptDraft]) -> frozenset[str]:
    """Words in the typings of some concepts that are no common type, so that somebody may have defined them."""
    typings = (text for draft in drafts for text in (draft.output_typing, *(one.typing for one in draft.parameters)))
    words = (word for text in typings for word in re.findall(r"[^\W\d]\w*", text))
    return frozenset(word for word in words if word.lower() not in _PLAIN)


def definitions(connection: Connection, namespace: str, names: Collection[str]) -> list[Concept]:
    """The active definitions of the types that these words name, oldest first; without those that cannot be read."""
    query = select(concepts.c.body).where(
        concepts.c.namespace == namespace, concepts.c.kind == "type", concepts.c.status != "retired"
    )
    types = map(Concept.readable, connection.scalars(query.order_by(concepts.c.added_seq)))
    return [concept for concept in types if concept and set(re.findall(r"\w+", concept.title)) <= set(names)]
