"""Editor: every change to the concepts of a namespace, each as one transaction on the ledger."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection

from pilotage.common.text import carriable
from pilotage.memory.concept import Concept, ConceptDraft, Provenance, Status, check_text, first_fault
from pilotage.memory.edits.bulk import NewConcept, ids_by_hash, insert_new
from pilotage.memory.edits.proposal import Proposed
from pilotage.memory.edits.text_index import TextIndex
from pilotage.memory.errors import InvalidConcept, StaleConcept, UnknownConcept
from pilotage.memory.ledger.ledger import Action, By, Ledger
from pilotage.memory.search.keywords import KeywordIndex
from pilotage.memory.search.vectors import VectorStore
from pilotage.memory.text.same_text import text_key


class Editor:
    """Writes of one namespace; `ConceptStore` documents what each of them means to a caller."""

    def __init__(self, ledger: Ledger, vectors: VectorStore, words: KeywordIndex | None, namespace: str) -> None:
        self._ledger = ledger
        self._vectors = vectors
        self._words = words
        self._texts = TextIndex(ledger, namespace)
        self._namespace = namespace

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
        made = self._vectors.embed([concept.search_text for concept in new])
        hashes = [concept.content_hash for concept in new]
        keys = [text_key(concept) for concept in new]
        told: list[Proposed] = []
        fresh: list[NewConcept] = []
        again: list[tuple[str, Concept]] = []
        compared = bool(new) and not allow_duplicate
        if compared:
            self._texts.prepare()
        with self._ledger.write() as connection:
            self._vectors.claim(connection)
            # Looked up here and not before: another writer may have added the same meanwhile.
            known = ids_by_hash(connection, self._namespace, hashes)
            said = self._texts.ids(connection, keys) if compared else {}
            for concept, digest, key, vector in zip(new, hashes, keys, made, strict=True):
                same = known.get(digest) or (said.get(key) if compared else None)
                if same is None:
                    fresh.append(NewConcept(concept, digest, vector.tobytes()))
                    known[digest] = said[key] = concept.id
                    told.append(Proposed(concept.id, "added", concept.draft))
                else:
                    again.append((same, concept))
                    told.append(Proposed(same, "known" if digest in known else "same text", concept.draft))
            insert_new(connection, fresh, by, self._vectors.identity.key, self._words)
            moved = {same: self._merge(connection, same, concept, by) for same, concept in again}
        return [replace(one, id=moved.get(one.id, one.id)) for one in told]

    def insert(self, connection: Connection, new: Sequence[NewConcept], by: By) -> None:
        """Adds concepts as they are, ids and all; the caller knows that they are new and has claimed the embedder."""
        insert_new(connection, new, by, self._vectors.identity.key, self._words)

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
        with self._ledger.read() as connection:
            before = self.get(connection, id)
        draft = ConceptDraft.parse({**before.draft.model_dump(), **changes})
        vector = self._vectors.embed([draft.search_text])[0]
        with self._ledger.write() as connection:
            current = self.get(connection, id)
            if current.version != (before.version if expected_version is None else expected_version):
                raise StaleConcept(f"concept '{id}' was revised meanwhile: read it again, then revise")
            same = self._ledger.by_hash(connection, self._namespace, draft.content_hash)
            if same is not None and same.id != id:
                raise StaleConcept(f"concept '{same.id}' says exactly this already: forget one of the two")
            self._vectors.claim(connection)
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
        self._ledger.put_vector(connection, current.id, self._vectors.identity.key, vector)
        return revised

    def set_status(self, id: str, status: Status, action: Action, by: By) -> None:
        """Moves a concept to another status."""
        with self._ledger.write() as connection:
            self.change_status(connection, id, status, action, by)

    def change_status(self, connection: Connection, id: str, status: Status, action: Action, by: By) -> Concept:
        """`set_status` within the caller's transaction; returns the concept as it is now."""
        update = {"status": status} if status == "retired" else {"status": status, "replaced_by": ""}
        changed = self.get(connection, id).model_copy(update=update)
        self.record(connection, changed, action, by)
        return changed

    def vouch(self, id: str, by: By) -> Concept:
        """Marks a concept, as it is now, as read by a person."""
        with self._ledger.write() as connection:
            concept = self.get(connection, id)
            if not concept.vouched:
                concept = concept.model_copy(update={"vouched": True})
                self.record(connection, concept, "vouched", by)
            return concept

    def get(self, connection: Connection, id: str) -> Concept:
        """The concept with this id, also when it is retired."""
        id = carriable(id)
        found = self._ledger.get(connection, self._namespace, [id])
        if id not in found:
            raise UnknownConcept.called(id, self._namespace)
        return found[id]

    def promote(self, ids: Iterable[str], by: By) -> None:
        """Makes provisional concepts trusted."""
        with self._ledger.write() as connection:
            for concept in [self.get(connection, id) for id in dict.fromkeys(ids)]:
                if concept.status == "provisional":
                    self.record(connection, concept.model_copy(update={"status": "trusted"}), "promoted", by)

    def repeat(self, id: str, draft: ConceptDraft, *, by: By, provenance: Provenance | None, status: Status) -> str:
        """Counts that a stored concept was proposed again."""
        with self._ledger.write() as connection:
            return self._merge(connection, id, self._concept(draft, provenance or Provenance(), status), by)

    def dispute(self, id: str, other: str, by: By) -> None:
        """Marks in the history of two concepts that they advise opposite things."""
        with self._ledger.write() as connection:
            for one, another in ((id, other), (other, id)):
                self.record(connection, self.get(connection, one), "disputed", by, {"with": another})

    def _merge(self, connection: Connection, id: str, draft: Concept, by: By) -> str:
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
        self,
        connection: Connection,
        concept: Concept,
        action: Action,
        by: By,
        body: dict[str, Any] | None = None,
    ) -> None:
        """Appends one event, and lets the keyword index follow it."""
        self._ledger.append(connection, concept, action, by, body)
        if self._words is not None and action not in ("outcome", "merged", "disputed"):
            self._words.put(connection, concept)

    def _concept(self, draft: ConceptDraft | Concept, provenance: Provenance, status: Status) -> Concept:
        if isinstance(draft, Concept):
            provenance, status, draft = draft.provenance, draft.status, draft.draft
        check_text(dict(draft))  # a draft that was built and not parsed
        try:
            return Concept(
                **dict(draft),
                id=secrets.token_hex(8),
                namespace=self._namespace,
                status=status,
                provenance=provenance,
            )
        except ValidationError as error:
            raise InvalidConcept(first_fault(error)) from None
