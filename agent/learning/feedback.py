"""Feedback: what a user says about a run, as credit for what it followed and a verdict on what it taught."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pilotage.agent.errors import UsageError
from pilotage.agent.run import Run

if TYPE_CHECKING:
    from pilotage.memory import ConceptStore
    from pilotage.memory.edits.credit import Outcome

ACTOR = "user"


async def give_feedback(store: ConceptStore | None, run: Run, helped: bool) -> None:
    """Records whether a run's answer was good; saying it again changes nothing.

    `store.undo_run("feedback:ID")` takes it back.

    Good: the concepts that it followed count as having helped, and those that it taught are trusted from now on. Bad:
    those that it followed count as having harmed, and what it taught is retired unless other evidence supports it.

    Raises:
        UsageError: there is no memory, or the run has no id.
    """
    if store is None:
        raise UsageError("this agent has no memory that feedback could reach: give it one (`memory=`)")
    if not run.id:
        raise UsageError("the run has no id, so feedback on it could count twice: pass the run that `solve` returned")
    await asyncio.to_thread(_record, store, run, helped)


def _record(store: ConceptStore, run: Run, helped: bool) -> None:
    from pilotage.memory.errors import UnknownConcept

    name = f"feedback:{run.id}"
    outcome: Outcome = "helped" if helped else "harmed"
    present = []
    for id_ in (*run.followed, *run.learned):
        try:
            present.append(store.get(id_))
        except UnknownConcept:  # undone since: there is nothing left to judge
            continue
    credited = {concept.id: (outcome,) for concept in present if concept.id in run.followed}
    if credited:
        store.record_outcomes(credited, actor=ACTOR, cause=run.task_id, run=name)
    taught = [concept for concept in present if concept.id in run.learned and concept.id not in credited]
    provisional = [concept.id for concept in taught if concept.status == "provisional"]
    if helped:
        store.promote(provisional, actor=ACTOR, cause=run.task_id, run=name)
        return
    for id_ in provisional:
        if store.get(id_).provenance.trace_id == run.id:  # another run's concept is not this one's to retire
            store.forget(id_, actor=ACTOR, cause=run.task_id, run=name)
