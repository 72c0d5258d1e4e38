"""Undo: takes back events by appending events that do the opposite; history is never erased.

An event is taken back field by field. Counters are added up again without it, so runs that count at once do not stand
in each other's way; any other field must not have been changed since. What was undone can be undone again, which brings
it back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from pilotage.memory.concept import capped
from pilotage.memory.edits.events import ConceptChange, append_all, fields_of, ids_by_hash, release_contents
from pilotage.memory.errors import AlreadyUndone, StaleConcept, UnknownEvent
from pilotage.memory.ledger import timeline
from pilotage.memory.ledger.bounds import MOST_ROWS
from pilotage.memory.ledger.changes import WITHDRAWN, difference, is_content, is_counter, unflatten
from pilotage.memory.ledger.ledger import By, Event
from pilotage.memory.ledger.schema import events
from pilotage.memory.namespace import Namespace

REDO = "undo:"
"""The run of what `undo_run(RUN)` writes is `undo:RUN`: undoing that one brings RUN back."""


@dataclass(frozen=True)
class _Reversal:
    """What taking some events back comes to as of an event: a step for each, and texts to embed by concept id."""

    as_of: int
    targets: Sequence[Event]
    steps: Sequence[ConceptChange]
    texts: Mapping[str, str]


_Find = Callable[[Connection], list[Event]]


def undo_event(space: Namespace, seq: int, by: By) -> list[Event]:
    """Take one event back."""
    return _carry_out(space, lambda connection: [timeline.event(connection, space.name, seq)], by)


def undo_run(space: Namespace, run: str, by: By) -> list[Event]:
    """Take back every event of a run that still counts, the last one first."""
    by = By(by.actor, by.cause, by.run or REDO + run)
    return _carry_out(space, lambda connection: _of_run(space, connection, run), by)


def _of_run(space: Namespace, connection: Connection, run: str) -> list[Event]:
    """Those that make a difference, the last one first: without what was undone, by the run itself or later."""
    mine = timeline.list_events(connection, space.name, limit=None, run=run, since=None) if run else []
    if not mine:
        raise UnknownEvent(
            f"no event of a run '{run}' in namespace '{space.name}': its history names the runs that there are"
        )
    undone = {seq for history in _histories(space, connection, mine).values() for seq in taken_back(history)}
    own = {event.seq for event in mine}
    left = [event for event in reversed(mine) if event.seq not in undone and event.undoes not in own]
    if not left:
        raise AlreadyUndone(f"run '{run}' was undone already: undo run '{REDO}{run}' to bring it back")
    return left


def _carry_out(space: Namespace, find: _Find, by: By) -> list[Event]:
    """One transaction. What takes time, reading histories and embedding, comes before it.

    It is done again within only where one of the concepts was changed meanwhile.
    """
    with space.ledger.read() as connection:
        plan = _plan(space, connection, find)
    vectors = _embedded(space, plan.texts)
    with space.ledger.write() as connection:
        if _is_outdated(space, connection, plan):
            plan = _plan(space, connection, find)
            vectors = _embedded(space, plan.texts)
        release_contents(connection, plan.steps)
        _refuse_twins(space, connection, plan)
        done = append_all(space, connection, plan.steps, by)
        space.vectors.put(connection, vectors)
        return done


def _plan(space: Namespace, connection: Connection, find: _Find) -> _Reversal:
    targets = find(connection)
    histories = _histories(space, connection, targets)
    fields = fields_of(connection, histories)
    before = {id: unflatten(one).search_text for id, one in fields.items()}
    steps: list[ConceptChange] = []
    for number, target in enumerate(targets):
        id = target.concept_id
        after = {**fields[id], **_opposite(target, histories[id], fields[id])}
        step = ConceptChange.between("undone", fields[id], after, {"undoes": target.seq, "action": target.action})
        # Its number is not known yet, only that it is higher than all others.
        histories[id].append(Event(MOST_ROWS + number, "", "", "", id, "undone", step.body, "", step.changes))
        fields[id] = after
        steps.append(step)
    texts = {step.concept.id: step.concept.search_text for step in steps}
    texts = {id: text for id, text in texts.items() if text != before[id]}
    last = int(connection.scalar(select(func.max(events.c.seq))) or 0)
    return _Reversal(last, targets, steps, texts)


def _embedded(space: Namespace, texts: Mapping[str, str]) -> dict[str, bytes]:
    made = space.vectors.embed(list(texts.values())) if texts else ()
    return {id: vector.tobytes() for id, vector in zip(texts, made, strict=True)}


def _is_outdated(space: Namespace, connection: Connection, plan: _Reversal) -> bool:
    """Whether something has happened since to one of its concepts, or in a run that it takes back."""
    ids = {target.concept_id for target in plan.targets}
    runs = {target.run for target in plan.targets} - {""}
    later = select(events.c.concept_id, events.c.run).where(events.c.namespace == space.name, events.c.seq > plan.as_of)
    return any(id in ids or run in runs for id, run in connection.execute(later))


def _histories(space: Namespace, connection: Connection, mine: Sequence[Event]) -> dict[str, list[Event]]:
    return space.ledger.histories(connection, space.name, dict.fromkeys(event.concept_id for event in mine))


def _refuse_twins(space: Namespace, connection: Connection, plan: _Reversal) -> None:
    """Only what a concept says in the end must not be what another one says."""
    last = {step.concept.id: (target, step) for target, step in zip(plan.targets, plan.steps, strict=True)}
    says = {id: step.concept.content_hash for id, (_, step) in last.items() if not step.withdrawn}
    known = ids_by_hash(connection, space.name, says.values())
    for id, content in says.items():
        twin = known.setdefault(content, id)
        if twin == id:
            continue
        event = space.ledger.histories(connection, space.name, [twin])[twin][-1]
        raise StaleConcept(
            f"event {last[id][0].seq} cannot be undone: concept '{twin}' says exactly the same by now (event "
            f"{event.seq}, {event.action}): undo what made it so, or merge the two"
        )


def taken_back(history: Sequence[Event]) -> dict[int, int]:
    """Events of one concept that no longer count, each with the number of the event that undid it."""
    undone: dict[int, int] = {}
    for event in reversed(history):
        if event.undoes is not None and event.seq not in undone:
            undone[event.undoes] = event.seq
    return undone


def _opposite(target: Event, history: Sequence[Event], fields: dict[str, Any]) -> dict[str, Any]:
    """Fields and their values once `target` is taken back.

    Raises:
        StaleConcept: it was taken back already, or a later event depends on it.
    """
    undone = taken_back(history)
    if target.seq in undone:
        raise StaleConcept(
            f"event {target.seq} was undone already, by event {undone[target.seq]}: undo that one to redo"
        )
    void = set(undone) | set(undone.values())
    later = [event for event in history if event.seq > target.seq and event.seq not in void]
    if target.action == "added":
        _refuse(target, [event for event in later if any(not field.startswith("outcomes.") for field in event.changes)])
        return {"status": "retired", WITHDRAWN: True}
    restored: dict[str, Any] = {}
    for field, (before, after) in target.changes.items():
        if field == "version":  # it only ever grows: someone may hold on to the number that was undone
            continue
        if is_counter(field):
            restored[field] = capped(max(0, fields[field] - ((after or 0) - (before or 0))))
            continue
        _refuse(target, [event for event in later if field in event.changes])
        restored[field] = before
    if any(is_content(field) for field in difference(fields, {**fields, **restored})):
        restored["version"] = fields["version"] + 1
    return restored


def _refuse(target: Event, later: Sequence[Event]) -> None:
    if later:
        last = later[-1]
        raise StaleConcept(
            f"event {target.seq} ({target.action}) cannot be undone: event {last.seq} ({last.action}) of the same "
            "concept came after it and depends on it; undo that one first"
        )
