"""Timeline: the events of a namespace, and its concepts as they were at an earlier moment."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from pilotage.common.text import carriable
from pilotage.memory.concept import Concept
from pilotage.memory.errors import InvalidArgument, UnknownEvent
from pilotage.memory.ledger.bounds import amount, rows
from pilotage.memory.ledger.changes import WITHDRAWN, flatten, unflatten
from pilotage.memory.ledger.ledger import Event, event_of
from pilotage.memory.ledger.schema import concepts, events, withdrawn_hash


def event(connection: Connection, namespace: str, seq: int) -> Event:
    """The event with this number. Raises UnknownEvent."""
    row = connection.execute(_of(namespace).where(events.c.seq == rows(seq))).one_or_none()
    if row is None:
        raise UnknownEvent(f"no event {seq} in namespace '{namespace}': its history has the numbers that there are")
    return event_of(row)


def list_events(
    connection: Connection, namespace: str, *, limit: int | None, run: str | None, since: int | None
) -> list[Event]:
    """Events, oldest first: the last `limit` of them or, with `since`, the first `limit` after that event."""
    query = _of(namespace).limit(None if limit is None else amount("limit", limit))
    if run is not None:
        query = query.where(events.c.run == carriable(run))
    if since is not None:
        query = query.where(events.c.seq > rows(since)).order_by(events.c.seq)
        return [event_of(row) for row in connection.execute(query)]
    return [event_of(row) for row in connection.execute(query.order_by(events.c.seq.desc()))][::-1]


def at(connection: Connection, namespace: str, moment: datetime | int, *, retired: bool) -> list[Concept]:
    """The concepts as they were right after an event, or at a time; oldest first.

    Later events are taken back from the current rows one by one, so a look at the recent past costs little.
    """
    if not isinstance(moment, int | datetime):
        raise InvalidArgument(f"{moment!r} is no moment: give a datetime, or the number of an event")
    end = rows(moment) if isinstance(moment, int) else _last_before(connection, moment)
    there = select(concepts.c.id, concepts.c.content_hash, concepts.c.body).where(
        concepts.c.namespace == namespace, concepts.c.added_seq <= end
    )
    present = {
        row.id: (Concept.stored(row.body), row.content_hash == withdrawn_hash(row.id))
        for row in connection.execute(there.order_by(concepts.c.added_seq))
    }
    moved: dict[str, dict[str, Any]] = {}
    later = select(events.c.concept_id, events.c.changes).where(
        events.c.namespace == namespace, events.c.seq > end, events.c.action != "added"
    )
    for row in connection.execute(later.order_by(events.c.seq.desc())):
        if row.concept_id not in present:  # it was added later still
            continue
        fields = moved.setdefault(row.concept_id, flatten(*present[row.concept_id]))
        fields.update({name: before for name, (before, _) in json.loads(row.changes or "{}").items()})
    present |= {id: (unflatten(fields), fields[WITHDRAWN]) for id, fields in moved.items()}
    shown = (concept for concept, withdrawn in present.values() if not withdrawn)
    return [concept for concept in shown if retired or concept.status != "retired"]


def _of(namespace: str) -> Select[Any]:
    return select(events).where(events.c.namespace == namespace)


def _last_before(connection: Connection, moment: datetime) -> int:
    """Number of the last event at or before a time; a time without a zone is local."""
    # PostgreSQL's usual order of texts skips punctuation.
    at = events.c.at.collate("C") if connection.dialect.name == "postgresql" else events.c.at
    query = select(func.max(events.c.seq)).where(at <= moment.astimezone(UTC).isoformat(timespec="microseconds"))
    return int(connection.scalar(query) or 0)
