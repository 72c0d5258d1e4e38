"""Editor: every change to the concepts of a namespace, each as one transaction on the ledger."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from sqlalchemy import Connection

from memory.concept import Concept, ConceptDraft, Provenance, Status
from memory.errors import StaleConcept, UnknownConcept
from memory.ledger import Action, Ledger
from memory.lexical import KeywordIndex
from memory.search import Finder
from memory.vectors import VectorStore

Outcome = Literal["recalled", "helped", "harmed"]


class Editor:
    """Writes of one namespace; `ConceptStore` documents what each of them means to a caller."""

    def __init__(
        self, ledger: Ledger, vectors: VectorStore, words: KeywordIndex | None, finder: Finder, namespace: str
    ) -> None:
        self._ledger = ledger
        self._vectors = vectors
        self._words = words
        self._finder = finder
        self._namespace = namespace

    def add_many(
        self,
        drafts: Iterable[ConceptDraft | Concept],
        *,
        actor: str,
        cause: str,
        provenance: Provenance | None,
        status: Status,
    ) -> list[str]:
        """Stores drafts, or counts them where they are stored already."""
        new = [self._concept(draft, provenance or Provenance(), status) for draft in drafts]
        vectors = self._vectors.embed([concept.search_text for concept in new])
        with self._ledger.read() as connection:
            first = self._ledger.count(connection, self._namespace) == 0
        twins = [None if first else self._finder.near_duplicate(*pair) for pair in zip(new, vectors, strict=True)]
        ids = []
        with self._ledger.write() as connection:
            self._vectors.claim(connection)
            for concept, vector, twin in zip(new, vectors, twins, strict=True):
                # Looked up here and not before: another writer may have added the same meanwhile.
                same = self._ledger.by_hash(connection, self._namespace, concept.content_hash)
                same_id = same.id if same is not None else twin
                if same_id is not None:
                    ids.append(self._merge(connection, same_id, concept, actor, cause))
                    continue
                self._record(connection, concept, "added", actor, cause)
                self._ledger.put_vector(connection, concept.id, self._vectors.identity.key, vector.tobytes())
                ids.append(concept.id)
        return ids

    def revise(
        self, id: str, changes: Mapping[str, Any], *, actor: str, cause: str, expected_version: int | None
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
            revised = current.model_copy(update={**dict(draft), "version": current.version + 1})
            self._vectors.claim(connection)
            self._record(connection, revised, "revised", actor, cause)
            self._ledger.put_vector(connection, id, self._vectors.identity.key, vector.tobytes())
        return revised

    def set_status(self, id: str, status: Status, action: Action, actor: str, cause: str) -> None:
        """Moves a concept to another status."""
        with self._ledger.write() as connection:
            changed = self.get(connection, id).model_copy(update={"status": status})
            self._record(connection, changed, action, actor, cause)

    def record_outcome(self, ids: Iterable[str], outcome: Outcome, *, actor: str, cause: str) -> None:
        """Counts an outcome for each of some concepts."""
        with self._ledger.write() as connection:
            for id in dict.fromkeys(ids):
                concept = self.get(connection, id)
                count = getattr(concept.outcomes, outcome) + 1
                update: dict[str, Any] = {"outcomes": concept.outcomes.model_copy(update={outcome: count})}
                if outcome == "helped" and concept.status == "provisional":
                    update["status"] = "trusted"
                changed = concept.model_copy(update=update)
                self._record(connection, changed, "outcome", actor, cause, {"outcome": outcome})

    def get(self, connection: Connection, id: str) -> Concept:
        """The concept with this id, also when it is retired."""
        found = self._ledger.get(connection, self._namespace, [id])
        if id not in found:
            raise UnknownConcept(f"no concept '{id}' in namespace '{self._namespace}'")
        return found[id]

    def _merge(self, connection: Connection, id: str, draft: Concept, actor: str, cause: str) -> str:
        known = self.get(connection, id)
        if known.status == "retired":
            known = known.model_copy(update={"status": "provisional"})
            self._record(connection, known, "restored", actor, cause)
        seen = known.model_copy(update={"seen": known.seen + 1})
        merged = {
            "draft": draft.draft.model_dump(mode="json"),
            "provenance": draft.provenance.model_dump(mode="json"),
        }
        self._record(connection, seen, "merged", actor, cause, merged)
        return id

    def _record(
        self,
        connection: Connection,
        concept: Concept,
        action: Action,
        actor: str,
        cause: str,
        body: dict[str, Any] | None = None,
    ) -> None:
        self._ledger.append(connection, concept, action, actor=actor, cause=cause, body=body)
        if self._words is not None and action not in ("outcome", "merged"):
            self._words.put(connection, concept)

    def _concept(self, draft: ConceptDraft | Concept, provenance: Provenance, status: Status) -> Concept:
        if isinstance(draft, Concept):
            provenance, status, draft = draft.provenance, draft.status, draft.draft
        return Concept(
            **dict(draft),
            id=secrets.token_hex(8),
            namespace=self._namespace,
            status=status,
            provenance=provenance,
        )
