"""Undoing: takes back all that a run left in a memory, the concepts and the experience, or brings it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotage.agent.experience.records import Records
from pilotage.memory.edits.undo import REDO
from pilotage.memory.errors import AlreadyUndone, UnknownEvent

if TYPE_CHECKING:
    from pilotage.memory import ConceptStore
    from pilotage.memory.ledger.ledger import Event

FEEDBACK = "feedback:"
"""Before the id of a run: feedback on it, which memory's history knows by that name."""


def undo_run(store: ConceptStore, run: str, *, actor: str = "user", cause: str = "") -> list[Event]:
    """Takes back all that a run left; `undo:RUN` brings it back, and `feedback:RUN` is what a user said of it.

    Of feedback that was taken back the concepts' part alone can be brought back: say it again.

    Returns the events of concepts, none where there was nothing but experience.

    Raises:
        UnknownEvent: a run of that name left nothing.
        AlreadyUndone: it was taken back before.
        StaleConcept: something that came later depends on it.
    """
    try:
        events = store.undo_run(run, actor=actor, cause=cause)
    except (UnknownEvent, AlreadyUndone):
        if _experience(Records(store), run):
            return []
        raise
    _experience(Records(store), run)
    return events


def _experience(records: Records, run: str) -> bool:
    back = run.startswith(REDO)
    of = run.removeprefix(REDO)
    if of.startswith(FEEDBACK):
        return not back and records.judge(of.removeprefix(FEEDBACK), None, "")
    return records.undo(of, back=back)
