"""Every change of what concepts say, each as one transaction on the ledger; `ConceptStore` documents the arguments.

Several concepts that say the same can become one, which inherits what was learnt about all of them. The others are
retired and point to the one that stays, so nothing is lost: `undo_run` brings them back, and a draft that repeats one
of them counts for the one that stays. Merging again changes nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import ValidationError
from sqlalchemy import Connection

from pilotage.memory.concept import Concept, ConceptDraft, Provenance, Status, capped, check_text, invalid_field
from pilotage.memory.edits import text_index
from pilotage.memory.edits.events import NewConcept, ids_by_hash, insert_new, record
from pilotage.memory.errors import InvalidConcept, StaleConcept
from pilotage.memory.learning.reconcile import extension
from pilotage.memory.ledger.ledger import Action, Attribution, By
from pilotage.memory.namespace import Namespace
from pilotage.memory.text.prompt_injection import HeldBack, held_back
from pilotage.memory.text.same_text import text_key


class Adding(Attribution, total=False):
    """What an addition may come with; `ConceptStore.propose` documents it."""

    provenance: Provenance | None
    status: Status
    allow_duplicate: bool


@dataclass(frozen=True)
class Proposed:
    """What the store made of a draft.

    Attributes:
        id: the concept that holds it now.
        outcome: `added`; `known`, where exactly this is stored; `same text`, where the stored text differs in a
            first capital, blanks or a full stop only. Then the draft's own spelling is kept in the concept's history
            and nowhere else.
        draft: what was proposed.
    """

    id: str
    outcome: Literal["added", "known", "same text"]
    draft: ConceptDraft

    @property
    def held_back(self) -> tuple[HeldBack, ...]:
        """What of it reads as a command to a model: it is stored, and never shown to one."""
        return held_back(self.draft)


def propose(
    space: Namespace,
    drafts: Iterable[ConceptDraft | Concept],
    provenance: Provenance | None,
    status: Status,
    by: By,
    *,
    allow_duplicate: bool,
) -> list[Proposed]:
    """Stores drafts, or counts them where they are stored already."""
    new = [_concept(space, draft, provenance, status) for draft in drafts]
    space.ledger.require_writable()
    made = space.vectors.embed([concept.search_text for concept in new])
    hashes = [concept.content_hash for concept in new]
    keys = [text_key(concept) for concept in new]
    proposed: list[Proposed] = []
    fresh: list[NewConcept] = []
    again: list[tuple[str, Concept]] = []
    compared = bool(new) and not allow_duplicate
    if compared:
        text_index.prepare(space)
    with space.ledger.write() as connection:
        space.vectors.claim(connection)
        # Looked up here and not before: another writer may have added the same meanwhile.
        known = ids_by_hash(connection, space.name, hashes)
        ids_by_key = text_index.ids(space, connection, keys) if compared else {}
        for concept, digest, key, vector in zip(new, hashes, keys, made, strict=True):
            same = known.get(digest) or (ids_by_key.get(key) if compared else None)
            if same is None:
                fresh.append(NewConcept(concept, digest, vector.tobytes()))
                known[digest] = ids_by_key[key] = concept.id
                proposed.append(Proposed(concept.id, "added", concept.draft))
            else:
                again.append((same, concept))
                proposed.append(Proposed(same, "known" if digest in known else "same text", concept.draft))
        insert_new(space, connection, fresh, by)
        moved = {same: _count_again(space, connection, same, concept, by) for same, concept in again}
    return [replace(one, id=moved.get(one.id, one.id)) for one in proposed]


def revise(
    space: Namespace,
    id: str,
    changes: Mapping[str, Any],
    by: By,
    *,
    expected_version: int | None,
    status: Status | None,
) -> Concept:
    """Changes a concept's content."""
    with space.ledger.read() as connection:
        before = space.get(connection, id)
    draft = ConceptDraft.parse({**before.draft.model_dump(), **changes})
    before.changed(status=status or before.status)  # refused before it is embedded
    space.ledger.require_writable()
    vector = space.vectors.embed([draft.search_text])[0].tobytes()
    with space.ledger.write() as connection:
        current = space.get(connection, id)
        if current.version != (before.version if expected_version is None else expected_version):
            raise StaleConcept(f"concept '{id}' was revised meanwhile: read it again, then revise")
        _refuse_twin(space, connection, id, draft.content_hash, "forget one of the two")
        return rewrite(space, connection, current, draft, vector, by, status=status)


def rewrite(
    space: Namespace,
    connection: Connection,
    current: Concept,
    draft: ConceptDraft,
    vector: bytes,
    by: By,
    *,
    status: Status | None,
) -> Concept:
    """Changes a concept's content within the caller's transaction."""
    version, status = current.version + 1, status or current.status
    revised = current.changed(**dict(draft), version=version, status=status, vouched=False)
    record(space, connection, "revised", [revised], by)
    space.vectors.put(connection, {current.id: vector})
    return revised


def change_status(space: Namespace, connection: Connection, id: str, status: Status, action: Action, by: By) -> Concept:
    """Moves a concept to another status within the caller's transaction; returns it as it is now."""
    update = {"status": status} if status == "retired" else {"status": status, "replaced_by": ""}
    changed = space.get(connection, id).model_copy(update=update)
    record(space, connection, action, [changed], by)
    return changed


def repeat(
    space: Namespace, id: str, draft: ConceptDraft, provenance: Provenance | None, status: Status, by: By
) -> str:
    """Counts that a stored concept was proposed again."""
    with space.ledger.write() as connection:
        return _count_again(space, connection, id, _concept(space, draft, provenance, status), by)


def merge(space: Namespace, keep: str, others: Sequence[str], changes: Mapping[str, Any] | None, by: By) -> Concept:
    """Merges others into one, in one transaction."""
    ids = list(dict.fromkeys(others))
    if keep in ids:
        raise InvalidConcept(f"concept '{keep}' cannot be merged into itself: leave it out of the others")
    with space.ledger.read() as connection:
        before, _, draft = _merged(space, connection, keep, ids, changes)
    vectors: dict[str, bytes] = {}
    if draft.search_text != before.search_text:
        space.ledger.require_writable()
        vectors[keep] = space.vectors.embed([draft.search_text])[0].tobytes()
    with space.ledger.write() as connection:
        current, fresh, again = _merged(space, connection, keep, ids, changes)
        if again != draft:
            raise StaleConcept(f"concept '{keep}' was changed meanwhile: read it again, then merge")
        if not fresh and draft == current.draft:
            return current
        for other in fresh:
            gone = other.model_copy(update={"status": "retired", "replaced_by": keep})
            record(space, connection, "retired", [gone], by)
        trusted = any(one.status == "trusted" for one in (current, *fresh))
        merged = current.model_copy(
            update={
                **dict(draft),
                "outcomes": sum((other.outcomes for other in fresh), current.outcomes),
                "seen": capped(current.seen + sum(other.seen for other in fresh)),
                "status": "trusted" if trusted else current.status,
                "version": current.version + (draft != current.draft),
            }
        )
        _refuse_twin(space, connection, keep, merged.content_hash, "keep that one instead")
        record(space, connection, "revised" if draft != current.draft else "merged", [merged], by)
        space.vectors.put(connection, vectors)
    return merged


def _merged(
    space: Namespace, connection: Connection, keep: str, ids: Sequence[str], changes: Mapping[str, Any] | None
) -> tuple[Concept, list[Concept], ConceptDraft]:
    """The concept that stays, the others that are not merged into it yet, and what it is going to say."""
    concept = space.get(connection, keep)
    if concept.status == "retired":
        raise StaleConcept(f"concept '{keep}' is retired: restore it first, or merge into another one")
    others = [space.get(connection, id) for id in ids]
    for other in others:
        if other.replaced_by not in ("", keep):
            raise StaleConcept(f"concept '{other.id}' was merged into '{other.replaced_by}' already: name that one")
    fresh = [other for other in others if other.status != "retired" or other.replaced_by != keep]
    if changes is not None:
        return concept, fresh, ConceptDraft.parse({**concept.draft.model_dump(), **changes})
    wider = concept
    for other in fresh:  # when it applies, not how it is done
        update = {name: value for name, value in extension(wider, other).items() if name in ("cues", "keywords")}
        wider = wider.model_copy(update=update)
    return concept, fresh, ConceptDraft.parse(wider.draft.model_dump())


def _refuse_twin(space: Namespace, connection: Connection, id: str, content_hash: str, remedy: str) -> None:
    same = ids_by_hash(connection, space.name, [content_hash]).get(content_hash, id)
    if same != id:
        raise StaleConcept(f"concept '{same}' says exactly this already: {remedy}")


def _count_again(space: Namespace, connection: Connection, id: str, draft: Concept, by: By) -> str:
    known = space.get(connection, id)
    passed = {known.id}
    while known.replaced_by and known.replaced_by not in passed:  # another one speaks for it now
        known = space.get(connection, known.replaced_by)
        passed.add(known.id)
    status = "trusted" if draft.status == "trusted" else known.status
    if known.status == "retired":
        status = "provisional"  # there was a reason to retire it: it has to show itself again
        known = known.model_copy(update={"status": status, "replaced_by": ""})
        record(space, connection, "restored", [known], by)
    seen = known.model_copy(update={"seen": capped(known.seen + 1), "status": status})
    body = {"draft": draft.draft.model_dump(mode="json"), "provenance": draft.provenance.model_dump(mode="json")}
    record(space, connection, "merged", [seen], by, {known.id: body})
    return known.id


def _concept(space: Namespace, draft: ConceptDraft | Concept, provenance: Provenance | None, status: Status) -> Concept:
    if not isinstance(draft, ConceptDraft):
        draft = ConceptDraft.parse(draft)
    if isinstance(draft, Concept):
        provenance, status, draft = draft.provenance, draft.status, draft.draft
    check_text(dict(draft))  # a draft that was built and not parsed
    provenance = provenance or Provenance()
    try:
        return Concept(
            **dict(draft), id=secrets.token_hex(8), namespace=space.name, status=status, provenance=provenance
        )
    except ValidationError as error:
        raise InvalidConcept.unstored(invalid_field(error)) from None
