"""The part of `ConceptStore` that brings concepts together: proposals, merges, repeats, disputes, promotions, types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pilotage.memory.concept import Concept, ConceptDraft, Provenance, Status
from pilotage.memory.edits.editor import Editor
from pilotage.memory.edits.merge import Merger
from pilotage.memory.edits.proposal import Proposed
from pilotage.memory.ledger.ledger import By, Ledger
from pilotage.memory.ledger.typings import definitions, named_types


class StoreMerging:
    """Base of `ConceptStore`, which sets these attributes."""

    namespace: str
    _ledger: Ledger
    _editor: Editor
    _merger: Merger

    def merge(
        self,
        keep: str,
        others: Sequence[str],
        changes: Mapping[str, Any] | None = None,
        *,
        actor: str = "user",
        cause: str = "",
        run: str = "",
    ) -> Concept:
        """Make one concept of several: the others are retired and point to it, their outcomes are added to its own.

        Args:
            keep: the one that stays.
            others: those that go. One that was merged into `keep` before is passed over.
            changes: its new content; without any it takes over the others' cues and keywords.
            actor: who merges.
            cause: why.
            run: id of the run that does it.

        Raises:
            UnknownConcept: one of them does not exist.
            InvalidConcept: the changed content is not valid, or `keep` is among the others.
            StaleConcept: `keep` is retired or was changed meanwhile, or another one was merged elsewhere.
        """
        return self._merger.merge(keep, others, changes, By(actor, cause, run))

    def propose(
        self,
        drafts: Iterable[ConceptDraft | Concept],
        *,
        actor: str = "user",
        cause: str = "",
        run: str = "",
        provenance: Provenance | None = None,
        status: Status = "provisional",
        allow_duplicate: bool = False,
    ) -> list[Proposed]:
        """`add_many` that tells what became of each draft, in order: added, known, or dropped as the same text.

        Args:
            drafts: what to store.
            actor: who stores it.
            cause: why, for example a task id.
            run: id of the run that does it; `undo_run` takes a run back as a whole.
            provenance: where it came from; the caller vouches for it.
            status: `trusted` only for what public evidence supports.
            allow_duplicate: store it also where another concept says the same already.

        Raises:
            InvalidConcept: a draft has what no store can keep; then none was stored.
        """
        return self._editor.propose(
            drafts,
            by=By(actor, cause, run),
            provenance=provenance,
            status=status,
            allow_duplicate=allow_duplicate,
        )

    def repeat(
        self,
        id: str,
        draft: ConceptDraft,
        *,
        actor: str = "user",
        cause: str = "",
        run: str = "",
        provenance: Provenance | None = None,
        status: Status = "provisional",
    ) -> str:
        """Count that a stored concept was proposed again in other words; returns the id of what holds it now."""
        return self._editor.repeat(id, draft, by=By(actor, cause, run), provenance=provenance, status=status)

    def dispute(self, id: str, other: str, *, actor: str = "user", cause: str = "", run: str = "") -> None:
        """Mark in the history of both that two concepts advise opposite things. Raises UnknownConcept."""
        self._editor.dispute(id, other, By(actor, cause, run))

    def promote(self, ids: Iterable[str], *, actor: str = "user", cause: str = "", run: str = "") -> None:
        """Make provisional concepts trusted; all or, when one does not exist, none. Raises UnknownConcept."""
        self._editor.promote(ids, By(actor, cause, run))

    def types_of(self, concepts: Iterable[ConceptDraft]) -> list[Concept]:
        """The definitions of the named types that these concepts take or give."""
        names = named_types(concepts)
        if not names:
            return []
        with self._ledger.read() as connection:
            return definitions(connection, self.namespace, names)
