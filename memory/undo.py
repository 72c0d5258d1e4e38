"""Undo: takes back events by appending events that do the opposite; history is never erased.

An event is taken back field by field. Counters are added up again without it, so runs that count at once do not stand
in each other's way; any other field must not have been changed since. What was undone can be undone again, which brings
it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from memory import timeline
from memory.changes import WITHDRAWN, difference, flatten, is_content, is_counter, unflatten
from memory.concept import Concept, Status
from memory.errors import StaleConcept, UnknownEvent
from memory.ledger import By, Event, Ledger
from memory.lexical import KeywordIndex
from memory.schema import withdrawn_hash
from memory.vectors import VectorStore

REDO = "undo:"
"""The run of what `undo_run(RUN)` writes is `undo:RUN`: undoing that one brings RUN back."""

_RETIRED: Status = "retired"


class Undo:
    """Takes back events of one namespace. A call is one transaction: all of it or, when it raises, nothing."""

    def __init__(self, ledger: Ledger, vectors: VectorStore, words: KeywordIndex | None, namespace: str) -> None:
        self._ledger = ledger
        self._vectors = vectors
        self._words = words
        self._namespace = namespace

    def event(self, seq: int, by: By) -> list[Event]:
        """Take one event back."""
        with self._ledger.read() as connection:
            self._prepare([timeline.event(connection, self._namespace, seq)])
        with self._ledger.write() as connection:
            return self._take_back(connection, [timeline.event(connection, self._namespace, seq)], by)

    def run(self, run: str, by: By) -> list[Event]:
        """Take back every event of a run that still counts, the last one first."""
        with self._ledger.read() as connection:
            self._prepare(self._of_run(connection, run))
        with self._ledger.write() as connection:
            mine = self._of_run(connection, run)
            left = self._still_counting(connection, mine)
            if not left:
                raise StaleConcept(f"run '{run}' was undone already: undo run '{REDO}{run}' to bring it back")
            return self._take_back(connection, left, By(by.actor, by.cause, by.run or REDO + run))

    def _still_counting(self, connection: Connection, mine: Sequence[Event]) -> list[Event]:
        """Those that make a difference, the last one first: without what was undone, by the run itself or later."""
        ids = {event.concept_id for event in mine}
        undone = {seq for id in ids for seq in taken_back(self._history(connection, id))}
        own = {event.seq for event in mine}
        return [event for event in reversed(mine) if event.seq not in undone and event.undoes not in own]

    def _of_run(self, connection: Connection, run: str) -> list[Event]:
        found = timeline.list_events(connection, self._namespace, limit=None, run=run, since=None) if run else []
        if not found:
            raise UnknownEvent(
                f"no event of a run '{run}' in namespace '{self._namespace}': its history names the runs that there are"
            )
        return found

    def _prepare(self, events: Sequence[Event]) -> None:
        """Load the embedder before the ledger is locked, if a text may change."""
        if any(is_content(field) for event in events for field in event.changes):
            self._vectors.embedder.warm()

    def _take_back(self, connection: Connection, targets: Sequence[Event], by: By) -> list[Event]:
        """Take events back in this order. Only what a concept says in the end must not be what another one says."""
        done: list[Event] = []
        last = {target.concept_id: target.seq for target in targets}
        self._ledger.unsettle(connection, last)
        histories: dict[str, list[Event]] = {}
        texts: dict[str, str] = {}
        for target in targets:
            id = target.concept_id
            history = histories.setdefault(id, self._history(connection, id))
            fields = self._fields(connection, id)
            before = unflatten(fields).search_text
            fields.update(_opposite(target, history, fields))
            concept = unflatten(fields)
            withdrawn, settled = fields[WITHDRAWN], target.seq == last[id]
            if settled and not withdrawn:
                self._refuse_twin(connection, target, concept)
            body = {"undoes": target.seq, "action": target.action}
            seq = self._ledger.append(connection, concept, "undone", by, body, withdrawn=withdrawn, settled=settled)
            if self._words is not None:
                self._words.put(connection, concept)
            if concept.search_text != before:
                texts[id] = concept.search_text
            done.append(timeline.event(connection, self._namespace, seq))
            history.append(done[-1])
        if texts:
            self._vectors.claim(connection)
            for id, vector in zip(texts, self._vectors.embed(list(texts.values())), strict=True):
                self._ledger.put_vector(connection, id, self._vectors.identity.key, vector.tobytes())
        return done

    def _history(self, connection: Connection, id: str) -> list[Event]:
        return self._ledger.history(connection, self._namespace, id)

    def _fields(self, connection: Connection, id: str) -> dict[str, Any]:
        concept = self._ledger.get(connection, self._namespace, [id])[id]
        return flatten(concept, self._ledger.stored_hash(connection, id) == withdrawn_hash(id))

    def _refuse_twin(self, connection: Connection, target: Event, concept: Concept) -> None:
        twin = self._ledger.by_hash(connection, self._namespace, concept.content_hash)
        if twin is not None and twin.id != concept.id:
            last = self._ledger.history(connection, self._namespace, twin.id)[-1]
            raise StaleConcept(
                f"event {target.seq} cannot be undone: concept '{twin.id}' says exactly the same by now (event "
                f"{last.seq}, {last.action}): undo what made it so, or merge the two"
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
    settled = set(undone) | set(undone.values())
    later = [event for event in history if event.seq > target.seq and event.seq not in settled]
    if target.action == "added":
        _refuse(target, [event for event in later if any(not field.startswith("outcomes.") for field in event.changes)])
        return {"status": _RETIRED, WITHDRAWN: True}
    found: dict[str, Any] = {}
    for field, (before, after) in target.changes.items():
        if field == "version":  # it only ever grows: someone may hold on to the number that was undone
            continue
        if is_counter(field):
            found[field] = max(0, fields[field] - ((after or 0) - (before or 0)))
            continue
        _refuse(target, [event for event in later if field in event.changes])
        found[field] = before
    if any(is_content(field) for field in difference(fields, {**fields, **found})):
        found["version"] = fields["version"] + 1
    return found


def _refuse(target: Event, later: Sequence[Event]) -> None:
    if later:
        last = later[-1]
        raise StaleConcept(
            f"event {target.seq} ({target.action}) cannot be undone: event {last.seq} ({last.action}) of the same "
            "concept came after it and depends on it; undo that one first"
        )
