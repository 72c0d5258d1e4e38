"""Merge: several concepts that say the same become one, which inherits what was learnt about all of them.

The others are retired and point to the one that stays, so nothing is lost: `undo_run` brings them back, and a
draft that repeats one of them counts for the one that stays. Merging again changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from pilotage.memory.concept import MOST_COUNTED, Concept, ConceptDraft, Outcomes
from pilotage.memory.edits.editor import Editor
from pilotage.memory.errors import InvalidConcept, StaleConcept
from pilotage.memory.learning.reconcile import extension
from pilotage.memory.ledger.ledger import By, Ledger
from pilotage.memory.search.vectors import VectorStore


class Merger:
    """Merges within one namespace; `ConceptStore.merge` documents what that means to a caller."""

    def __init__(self, ledger: Ledger, vectors: VectorStore, editor: Editor) -> None:
        self._ledger = ledger
        self._vectors = vectors
        self._editor = editor

    def merge(self, keep: str, others: Sequence[str], changes: Mapping[str, Any] | None, by: By) -> Concept:
        """Merges others into one, in one transaction."""
        names = [other for other in dict.fromkeys(others)]
        if keep in names:
            raise InvalidConcept(f"concept '{keep}' cannot be merged into itself: leave it out of the others")
        with self._ledger.read() as connection:
            before, draft = self._outcome(connection, keep, names, changes)
        vector = self._vectors.embed([draft.search_text])[0] if draft.search_text != before.search_text else None
        with self._ledger.write() as connection:
            current, again = self._outcome(connection, keep, names, changes)
            if again != draft:
                raise StaleConcept(f"concept '{keep}' was changed meanwhile: read it again, then merge")
            fresh = [other for other in self._all(connection, names) if not _is_merged(other, keep)]
            if not fresh and draft == current.draft:
                return current
            for other in fresh:
                gone = other.model_copy(update={"status": "retired", "replaced_by": keep})
                self._editor.record(connection, gone, "retired", by)
            merged = _joined(current, draft, fresh)
            self._claim_content(connection, merged)
            # The keyword index follows what is revised, and leaves alone what only counts.
            revised = draft != current.draft
            self._editor.record(connection, merged, "revised" if revised else "merged", by)
            if vector is not None:
                self._vectors.claim(connection)
                self._ledger.put_vector(connection, keep, self._vectors.identity.key, vector.tobytes())
        return merged

    def _outcome(
        self, connection: Connection, keep: str, names: Sequence[str], changes: Mapping[str, Any] | None
    ) -> tuple[Concept, ConceptDraft]:
        """The concept that stays, and what it is going to say."""
        concept = self._editor.get(connection, keep)
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
        return [self._editor.get(connection, name) for name in names]

    def _claim_content(self, connection: Connection, merged: Concept) -> None:
        same = self._ledger.by_hash(connection, merged.namespace, merged.content_hash)
        if same is not None and same.id != merged.id:
            raise StaleConcept(f"concept '{same.id}' says exactly this already: keep that one instead")


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
            "outcomes": sum((other.outcomes for other in others), concept.outcomes or Outcomes()),
            "seen": min(concept.seen + sum(other.seen for other in others), MOST_COUNTED),
            "status": "trusted" if trusted else concept.status,
            "version": concept.version + (draft != concept.draft),
        }
    )
