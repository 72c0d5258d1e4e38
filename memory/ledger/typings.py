"""Typings: the named types that a concept's parameters refer to, which concepts of the kind `type` define."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sqlalchemy import Connection, select

from pilotage.memory.concept import Concept, ConceptDraft
from pilotage.memory.ledger.schema import concepts

_PLAIN = frozenset(
    "int float str string bool boolean list dict tuple set any none callable function number integer text bytes "
    "object sequence iterable iterator mapping optional union literal numeric choice grid program nonetype of or and "
    "the".split()
)


def named_types(drafts: Iterable[ConceptDraft]) -> frozenset[str]:
    """Words in the typings of some concepts that are no common type, so that somebody may have defined them."""
    typings = (text for draft in drafts for text in (draft.output_typing, *(one.typing for one in draft.parameters)))
    words = (word for text in typings for word in re.findall(r"[^\W\d]\w*", text))
    return frozenset(word for word in words if word.lower() not in _PLAIN)


def definitions(connection: Connection, namespace: str, names: Iterable[str]) -> list[Concept]:
    """The active definitions of the types that these words name, oldest first."""
    wanted = set(names)
    rows = connection.scalars(
        select(concepts.c.body)
        .where(concepts.c.namespace == namespace, concepts.c.kind == "type", concepts.c.status != "retired")
        .order_by(concepts.c.added_seq)
    )
    found = map(Concept.stored, rows)
    return [concept for concept in found if set(re.findall(r"\w+", concept.title)) <= wanted]
