"""Settle: bring a draft into the store by what was decided about it, without ever overwriting in silence.

`new` is added. `duplicate` counts that the stored concept was proposed again. `extends` revises it, unless somebody
else revised it meanwhile. `contradicts` keeps both: the new one as provisional, with both marked in their history, and
outcomes decide between them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilotage.memory.concept import ConceptDraft, Provenance, Status
from pilotage.memory.errors import ConceptStoreError, InvalidConcept, StaleConcept, UnknownConcept
from pilotage.memory.learning.reconcile import DOUBT, Decision, Verdict, decide, extension
from pilotage.memory.learning.writer import Writer
from pilotage.memory.search.recall import Hit

if TYPE_CHECKING:
    from pilotage.memory.store import ConceptStore

_NEAR = 5


@dataclass(frozen=True)
class Settled:
    """What became of a draft: the concept that holds it now, and the decision that led there."""

    id: str
    title: str
    verdict: Verdict
    why: str


async def settle(
    store: ConceptStore,
    draft: ConceptDraft,
    writer: Writer | None = None,
    *,
    provenance: Provenance | None = None,
    status: Status = "provisional",
    doubt: float = DOUBT,
    actor: str = "distil",
    cause: str = "",
    run: str = "",
) -> Settled:
    """Looks up the nearest concepts, decides, and writes.

    Args:
        store: where the draft goes. It is used in a thread.
        draft: what is proposed.
        writer: asked where the text leaves doubt; None takes that for new.
        provenance: where the draft came from; the caller vouches for it.
        status: `trusted` only for what public evidence supports.
        doubt: cosine from which on a writer is asked.
        actor: who stores it.
        cause: why, for example a task id.
        run: id of the run that does it.
    """
    near = await asyncio.to_thread(store.search, draft.search_text, _NEAR)
    decision = await decide(draft, near, writer, doubt=doubt)
    book = _Book(store, provenance, status, actor, cause, run)
    return await asyncio.to_thread(book.enter, draft, decision, near)


@dataclass(frozen=True)
class _Book:
    """Writes decisions into a store, all of them on behalf of the same run."""

    store: ConceptStore
    provenance: Provenance | None
    status: Status
    actor: str
    cause: str
    run: str

    def enter(self, draft: ConceptDraft, decision: Decision, near: Sequence[Hit]) -> Settled:
        target = decision.target
        if target is None or decision.verdict == "new":
            return self._add(draft, decision.why)
        if decision.verdict == "contradicts":
            return self._oppose(draft, target, decision.why)
        version = next((hit.concept.version for hit in near if hit.concept.id == target), None)
        if decision.verdict == "extends":
            if self.status == "provisional" and self.store.get(target).status == "trusted":
                return self._add(draft, f"'{target}' is trusted, and nothing supports this yet")
            try:
                self._extend(draft, target, version)
            except (StaleConcept, UnknownConcept, InvalidConcept) as error:
                # Somebody else was faster, or the two do not fit into one: then the draft stands for itself.
                return self._add(draft, f"could not extend '{target}': {error}")
        return self._repeat(draft, target, decision)

    def _add(self, draft: ConceptDraft, why: str) -> Settled:
        (made,) = self.store.propose(
            [draft], provenance=self.provenance, status=self.status, actor=self.actor, cause=self.cause, run=self.run
        )
        title = self.store.get(made.id).title
        if made.outcome != "added":  # stored, but not among the nearest, or stored meanwhile
            return Settled(made.id, title, "duplicate", "the same text")
        return Settled(made.id, title, "new", why)

    def _extend(self, draft: ConceptDraft, target: str, version: int | None) -> None:
        concept = self.store.get(target)
        changes = extension(concept, draft)
        if changes:
            self.store.revise(
                target, changes, expected_version=version, actor=self.actor, cause=self.cause, run=self.run
            )

    def _repeat(self, draft: ConceptDraft, target: str, decision: Decision) -> Settled:
        try:
            id = self.store.repeat(
                target,
                draft,
                provenance=self.provenance,
                status=self.status,
                actor=self.actor,
                cause=self.cause,
                run=self.run,
            )
        except UnknownConcept as error:
            return self._add(draft, f"could not repeat '{target}': {error}")
        return Settled(id, self.store.get(id).title, decision.verdict, decision.why)

    def _oppose(self, draft: ConceptDraft, target: str, why: str) -> Settled:
        cause = f"{self.cause} contradicts {target}".strip()
        id = self.store.add(
            draft, provenance=self.provenance, status="provisional", actor=self.actor, cause=cause, run=self.run
        )
        if id != target:
            try:
                self.store.dispute(id, target, actor=self.actor, cause=cause, run=self.run)
            except ConceptStoreError as error:
                why = f"{why}; could not be marked: {error}"
        return Settled(id, self.store.get(id).title, "contradicts", why)
