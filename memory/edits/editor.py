"""Editor: every change to the concepts of a namespace, each as one transaction on the ledger.

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

from pilotage.common.text import carriable
from pilotage.memory.concept import (
    MOST_COUNTED,
    Concept,
    ConceptDraft,
    Provenance,
    Status,
    check_text,
    first_fault,
)
from pilotage.memory.edits.events import NewConcept, append_all, ids_by_hash, insert_new, steps_to
from pilotage.memory.edits.text_index import TextIndex
from pilotage.memory.errors import InvalidConcept, StaleConcept, UnknownConcept
from pilotage.memory.learning.reconcile import extension
from pilotage.memory.ledger.ledger import Action, Attribution, By
from pilotage.memory.search.namespace import Namespace
from pilotage.memory.text.prompt_injection import HeldBack, held_back
from pilotage.memory.text.same_text import text_key


class Adding(Attribution, total=False):
    """What may be said of an addition; `ConceptStore.propose` documents it."""

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
    def dropped(self) -> bool:
        """Whether its spelling is not what is stored now."""
        return self.outcome == "same text"

    @property
    def held_back(self) -> tuple[HeldBack, ...]:
        """What of it reads as a command to a model: it is stored, and never shown to one."""
        return held_back(self.draft)


class Editor:
    """Writes of one namespace; `ConceptStore` documents what each of them means to a caller."""

    def __init__(self, space: Namespace) -> None:
        self._space = space
        self._texts = TextIndex(space.ledger, space.name)

    def propose(
        self,
        drafts: Iterable[ConceptDraft | Concept],
        *,
        by: By,
        provenance: Provenance | None,
        status: Status,
        allow_duplicate: bool,
    ) -> list[Proposed]:
        """Stores drafts, or counts them where they are stored already."""
        new = [self._concept(draft, provenance or Provenance(), status) for draft in drafts]
        made = self._space.vectors.embed([concept.search_text for concept in new])
        hashes = [concept.content_hash for concept in new]
        keys = [text_key(concept) for concept in new]
        proposed: list[Proposed] = []
        fresh: list[NewConcept] = []
        again: list[tuple[str, Concept]] = []
        compared = bool(new) and not allow_duplicate
        if compared:
            self._texts.prepare()
        with self._space.ledger.write() as connection:
            self._space.vectors.claim(connection)
            # Looked up here and not before: another writer may have added the same meanwhile.
            known = ids_by_hash(connection, self._space.name, hashes)
            ids_by_key = self._texts.ids(connection, keys) if compared else {}
            for concept, digest, key, vector in zip(new, hashes, keys, made, strict=True):
                same = known.get(digest) or (ids_by_key.get(key) if compared else None)
                if same is None:
                    fresh.append(NewConcept(concept, digest, vector.tobytes()))
                    known[digest] = ids_by_key[key] = concept.id
                    proposed.append(Proposed(concept.id, "added", concept.draft))
                else:
                    again.append((same, concept))
                    proposed.append(Proposed(same, "known" if digest in known else "same text", concept.draft))
            insert_new(self._space, connection, fresh, by)
            moved = {same: self._count_again(connection, same, concept, by) for same, concept in again}
        return [replace(one, id=moved.get(one.id, one.id)) for one in proposed]

    def revise(
        self,
        id: str,
        changes: Mapping[str, Any],
        *,
        by: By,
        expected_version: int | None,
        status: Status | None = None,
    ) -> Concept:
        """Changes a concept's content."""
        with self._space.ledger.read() as connection:
            before = self.get(connection, id)
        draft = ConceptDraft.parse({**before.draft.model_dump(), **changes})
        vector = self._space.vectors.embed([draft.search_text])[0]
        with self._space.ledger.write() as connection:
            current = self.get(connection, id)
            if current.version != (before.version if expected_version is None else expected_version):
                raise StaleConcept(f"concept '{id}' was revised meanwhile: read it again, then revise")
            self._refuse_twin(connection, id, draft.content_hash, "forget one of the two")
            self._space.vectors.claim(connection)
            return self.rewrite(connection, current, draft, vector.tobytes(), by, status=status)

    def rewrite(
        self,
        connection: Connection,
        current: Concept,
        draft: ConceptDraft,
        vector: bytes,
        by: By,
        *,
        status: Status | None = None,
    ) -> Concept:
        """Changes a concept's content within the caller's transaction, who has claimed the embedder."""
        update = {**dict(draft), "version": current.version + 1, "status": status or current.status, "vouched": False}
        revised = current.model_copy(update=update)
        self.record(connection, revised, "revised", by)
        self._space.ledger.put_vectors(connection, self._space.vectors.identity.key, {current.id: vector})
        return revised

    def set_status(self, id: str, status: Status, action: Action, by: By) -> None:
        """Moves a concept to another status."""
        with self._space.ledger.write() as connection:
            self.change_status(connection, id, status, action, by)

    def change_status(self, connection: Connection, id: str, status: Status, action: Action, by: By) -> Concept:
        """`set_status` within the caller's transaction; returns the concept as it is now."""
        update = {"status": status} if status == "retired" else {"status": status, "replaced_by": ""}
        changed = self.get(connection, id).model_copy(update=update)
        self.record(connection, changed, action, by)
        return changed

    def vouch(self, id: str, by: By) -> Concept:
        """Marks a concept, as it is now, as read by a person."""
        with self._space.ledger.write() as connection:
            concept = self.get(connection, id)
            if not concept.vouched:
                concept = concept.model_copy(update={"vouched": True})
                self.record(connection, concept, "vouched", by)
            return concept

    def get(self, connection: Connection, id: str) -> Concept:
        """The concept with this id, also when it is retired."""
        id = carriable(id)
        found = self._space.ledger.get(connection, self._space.name, [id])
        if id not in found:
            raise UnknownConcept.called(id, self._space.name)
        return found[id]

    def promote(self, ids: Iterable[str], by: By) -> None:
        """Makes provisional concepts trusted."""
        with self._space.ledger.write() as connection:
            for concept in [self.get(connection, id) for id in dict.fromkeys(ids)]:
                if concept.status == "provisional":
                    self.record(connection, concept.model_copy(update={"status": "trusted"}), "promoted", by)

    def repeat(self, id: str, draft: ConceptDraft, *, by: By, provenance: Provenance | None, status: Status) -> str:
        """Counts that a stored concept was proposed again."""
        with self._space.ledger.write() as connection:
            return self._count_again(connection, id, self._concept(draft, provenance or Provenance(), status), by)

    def dispute(self, id: str, other: str, by: By) -> None:
        """Marks in the history of two concepts that they advise opposite things."""
        with self._space.ledger.write() as connection:
            for one, another in ((id, other), (other, id)):
                self.record(connection, self.get(connection, one), "disputed", by, {"with": another})

    def merge(self, keep: str, others: Sequence[str], changes: Mapping[str, Any] | None, by: By) -> Concept:
        """Merges others into one, in one transaction."""
        names = list(dict.fromkeys(others))
        if keep in names:
            raise InvalidConcept(f"concept '{keep}' cannot be merged into itself: leave it out of the others")
        with self._space.ledger.read() as connection:
            before, draft = self._merged(connection, keep, names, changes)
        vector = self._space.vectors.embed([draft.search_text])[0] if draft.search_text != before.search_text else None
        with self._space.ledger.write() as connection:
            current, again = self._merged(connection, keep, names, changes)
            if again != draft:
                raise StaleConcept(f"concept '{keep}' was changed meanwhile: read it again, then merge")
            fresh = [other for other in self._all(connection, names) if not _is_merged(other, keep)]
            if not fresh and draft == current.draft:
                return current
            for other in fresh:
                gone = other.model_copy(update={"status": "retired", "replaced_by": keep})
                self.record(connection, gone, "retired", by)
            merged = _joined(current, draft, fresh)
            self._refuse_twin(connection, keep, merged.content_hash, "keep that one instead")
            self.record(connection, merged, "revised" if draft != current.draft else "merged", by)
            if vector is not None:
                self._space.vectors.claim(connection)
                made = {keep: vector.tobytes()}
                self._space.ledger.put_vectors(connection, self._space.vectors.identity.key, made)
        return merged

    def _merged(
        self, connection: Connection, keep: str, names: Sequence[str], changes: Mapping[str, Any] | None
    ) -> tuple[Concept, ConceptDraft]:
        """The concept that stays, and what it is going to say."""
        concept = self.get(connection, keep)
        if concept.status == "retired":
            raise StaleConcept(f"concept '{keep}' is retired: restore it first, or merge into another one")
        others = self._all(connection, names)
        for other in others:
            if other.replaced_by not in ("", keep):
                raise StaleConcept(f"concept '{other.id}' was merged into '{other.replaced_by}' already: name that one")
        if changes is not None:
            return concept, ConceptDraft.parse({**concept.draft.model_dump(), **changes})
        wider = concept
        for other in others:
            if not _is_merged(other, keep):
                wider = wider.model_copy(update=_inherited(wider, other))
        return concept, ConceptDraft.parse(wider.draft.model_dump())

    def _all(self, connection: Connection, names: Sequence[str]) -> list[Concept]:
        return [self.get(connection, name) for name in names]

    def _refuse_twin(self, connection: Connection, id: str, content_hash: str, remedy: str) -> None:
        same = self._space.ledger.by_hash(connection, self._space.name, content_hash)
        if same is not None and same.id != id:
            raise StaleConcept(f"concept '{same.id}' says exactly this already: {remedy}")

    def _count_again(self, connection: Connection, id: str, draft: Concept, by: By) -> str:
        known = self.get(connection, id)
        passed = {known.id}
        while known.replaced_by and known.replaced_by not in passed:  # another one speaks for it now
            known = self.get(connection, known.replaced_by)
            passed.add(known.id)
        status = "trusted" if draft.status == "trusted" else known.status
        if known.status == "retired":
            status = "provisional"  # there was a reason to retire it: it has to show itself again
            known = known.model_copy(update={"status": status, "replaced_by": ""})
            self.record(connection, known, "restored", by)
        seen = known.model_copy(update={"seen": known.seen + 1, "status": status})
        merged = {
            "draft": draft.draft.model_dump(mode="json"),
            "provenance": draft.provenance.model_dump(mode="json"),
        }
        self.record(connection, seen, "merged", by, merged)
        return known.id

    def record(
        self, connection: Connection, concept: Concept, action: Action, by: By, body: dict[str, Any] | None = None
    ) -> None:
        """Appends one event, within the caller's transaction."""
        bodies = None if body is None else {concept.id: body}
        append_all(self._space, connection, steps_to(connection, action, [concept], bodies), by)

    def _concept(self, draft: ConceptDraft | Concept, provenance: Provenance, status: Status) -> Concept:
        if isinstance(draft, Concept):
            provenance, status, draft = draft.provenance, draft.status, draft.draft
        check_text(dict(draft))  # a draft that was built and not parsed
        try:
            return Concept(
                **dict(draft),
                id=secrets.token_hex(8),
                namespace=self._space.name,
                status=status,
                provenance=provenance,
            )
        except ValidationError as error:
            raise InvalidConcept(first_fault(error)) from None


def _is_merged(other: Concept, keep: str) -> bool:
    return other.status == "retired" and other.replaced_by == keep


def _inherited(concept: Concept, other: Concept) -> dict[str, Any]:
    """What the concept takes over where the caller gave no changes: when it applies, not how it is done."""
    return {name: value for name, value in extension(concept, other).items() if name in ("cues", "keywords")}


def _joined(concept: Concept, draft: ConceptDraft, others: Sequence[Concept]) -> Concept:
    trusted = any(one.status == "trusted" for one in (concept, *others))
    return concept.model_copy(
        update={
            **dict(draft),
            "outcomes": sum((other.outcomes for other in others), concept.outcomes),
            "seen": min(concept.seen + sum(other.seen for other in others), MOST_COUNTED),
            "status": "trusted" if trusted else concept.status,
            "version": concept.version + (draft != concept.draft),
        }
    )
