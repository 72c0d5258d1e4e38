"""Undo: takes back events by appending events that do the opposite; history is never erased.

An event is taken back field by field. Counters are added up again without it, so runs that count at once do not stand
in each other's way; any other field must not have been changed since. What was undone can be undone again, which brings
it back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from pilotage.memory.concept import Status
from pilotage.memory.edits.events import Step, append_all, fields_of, ids_by_hash, release_contents
from pilotage.memory.errors import StaleConcept, UnknownEvent
from pilotage.memory.ledger import timeline
from pilotage.memory.ledger.bounds import MOST_ROWS
from pilotage.memory.ledger.changes import WITHDRAWN, difference, is_content, is_counter, unflatten
from pilotage.memory.ledger.ledger import By, Event
from pilotage.memory.search.namespace import Namespace

REDO = "undo:"
"""The run of what `undo_run(RUN)` writes is `undo:RUN`: undoing that one brings RUN back."""

_RETIRED: Status = "retired"


@dataclass(frozen=True)
class _Reversal:
    """What taking some events back comes to, as of an event of the ledger.

    Attributes:
        as_of: the last event that was known.
        targets: the events, in the order in which they are taken back.
        steps: what takes each of them back.
        texts: what is embedded anew, by concept id.
    """

    as_of: int
    targets: Sequence[Event]
    steps: Sequence[Step]
    texts: Mapping[str, str]


_Find = Callable[[Connection], list[Event]]


class Undo:
    """Takes back events of one namespace. A call is one transaction: all of it or, when it raises, nothing.

    What takes time, reading histories and embedding, comes before it; it is done again within only where one of the
    concepts was changed meanwhile.
    """

    def __init__(self, space: Namespace) -> None:
        self._space = space

    def event(self, seq: int, by: By) -> list[Event]:
        """Take one event back."""
        return self._carry_out(lambda connection: [timeline.event(connection, self._space.name, seq)], by)

    def run(self, run: str, by: By) -> list[Event]:
        """Take back every event of a run that still counts, the last one first."""
        by = By(by.actor, by.cause, by.run or REDO + run)
        return self._carry_out(lambda connection: self._of_run(connection, run), by)

    def _of_run(self, connection: Connection, run: str) -> list[Event]:
        """Those that make a difference, the last one first: without what was undone, by the run itself or later."""
        mine = timeline.list_events(connection, self._space.name, limit=None, run=run, since=None) if run else []
        if not mine:
            raise UnknownEvent(
                f"no event of a run '{run}' in namespace '{self._space.name}': its history names the runs that "
                "there are"
            )
        undone = {seq for history in self._histories(connection, mine).values() for seq in taken_back(history)}
        own = {event.seq for event in mine}
        left = [event for event in reversed(mine) if event.seq not in undone and event.undoes not in own]
        if not left:
            raise StaleConcept(f"run '{run}' was undone already: undo run '{REDO}{run}' to bring it back")
        return left

    def _carry_out(self, find: _Find, by: By) -> list[Event]:
        with self._space.ledger.read() as connection:
            plan = self._plan(connection, find)
        vectors = self._embedded(plan)
        with self._space.ledger.write() as connection:
            if self._is_outdated(connection, plan):
                plan = self._plan(connection, find)
                vectors = self._embedded(plan)
            release_contents(connection, plan.steps)
            self._refuse_twins(connection, plan)
            done = append_all(self._space, connection, plan.steps, by)
            if vectors:
                self._space.vectors.claim(connection)
                self._space.ledger.put_vectors(connection, self._space.vectors.identity.key, vectors)
            return done

    def _plan(self, connection: Connection, find: _Find) -> _Reversal:
        targets = find(connection)
        histories = self._histories(connection, targets)
        fields = fields_of(connection, histories)
        before = {id: unflatten(one).search_text for id, one in fields.items()}
        steps: list[Step] = []
        for number, target in enumerate(targets):
            id = target.concept_id
            after = {**fields[id], **_opposite(target, histories[id], fields[id])}
            step = Step.between("undone", fields[id], after, {"undoes": target.seq, "action": target.action})
            # Its number is not known yet, only that it is higher than all others.
            histories[id].append(Event(MOST_ROWS + number, "", "", "", id, "undone", step.body, "", step.changes))
            fields[id] = after
            steps.append(step)
        texts = {step.concept.id: step.concept.search_text for step in steps}
        texts = {id: text for id, text in texts.items() if text != before[id]}
        return _Reversal(timeline.last(connection), targets, steps, texts)

    def _is_outdated(self, connection: Connection, plan: _Reversal) -> bool:
        """Whether something has happened since to one of its concepts, or in a run that it takes back."""
        ids = {target.concept_id for target in plan.targets}
        runs = {target.run for target in plan.targets} - {""}
        later = timeline.touched_since(connection, self._space.name, plan.as_of)
        return any(id in ids or run in runs for id, run in later)

    def _embedded(self, plan: _Reversal) -> dict[str, bytes]:
        if not plan.texts:
            return {}
        made = self._space.vectors.embed(list(plan.texts.values()))
        return {id: vector.tobytes() for id, vector in zip(plan.texts, made, strict=True)}

    def _histories(self, connection: Connection, events: Sequence[Event]) -> dict[str, list[Event]]:
        ids = dict.fromkeys(event.concept_id for event in events)
        return self._space.ledger.histories(connection, self._space.name, ids)

    def _refuse_twins(self, connection: Connection, plan: _Reversal) -> None:
        """Only what a concept says in the end must not be what another one says."""
        last = {step.concept.id: (target, step) for target, step in zip(plan.targets, plan.steps, strict=True)}
        says = {id: step.concept.content_hash for id, (_, step) in last.items() if not step.withdrawn}
        known = ids_by_hash(connection, self._space.name, says.values())
        for id, content in says.items():
            twin = known.setdefault(content, id)
            if twin == id:
                continue
            event = self._space.ledger.history(connection, self._space.name, twin)[-1]
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
        return {"status": _RETIRED, WITHDRAWN: True}
    restored: dict[str, Any] = {}
    for field, (before, after) in target.changes.items():
        if field == "version":  # it only ever grows: someone may hold on to the number that was undone
            continue
        if is_counter(field):
            restored[field] = max(0, fields[field] - ((after or 0) - (before or 0)))
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
