"""Migrations: a ledger of any earlier schema is brought up to the present one when it is opened.

Each step is one transaction that also moves the version, so a kill leaves the ledger before or after it. Processes that
open a ledger at once take turns; the later ones find nothing to do.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, bindparam, insert, inspect, select, text, update

from pilotage.memory.concept import Concept
from pilotage.memory.errors import LedgerError, LedgerReadOnly, NewerSchema
from pilotage.memory.ledger import schema
from pilotage.memory.ledger.changes import difference, flatten
from pilotage.memory.ledger.database import Database
from pilotage.memory.ledger.schema import events, meta

_log = logging.getLogger(__name__)
_BATCH = 1000


def prepare(database: Database) -> None:
    """Make the tables, or bring them to the present schema.

    Raises:
        NewerSchema: a newer version wrote the ledger.
        LedgerReadOnly: it is of an earlier schema and cannot be written.
        LedgerError: it is no ledger.
    """
    with database.read() as connection:
        version = _version(connection, database.name)
    while version is None or version < schema.SCHEMA_VERSION:
        try:
            with database.write() as connection:
                database.lock_for_setup(connection)
                version = _advance(connection, database.name)
        except LedgerReadOnly as error:
            if version is None:
                raise
            raise LedgerReadOnly(
                f"the concept ledger {database.name} has schema {version} and must be brought to schema "
                f"{schema.SCHEMA_VERSION}, but it cannot be written: make the file and its folder writable and open "
                "it once"
            ) from error
    if version > schema.SCHEMA_VERSION:
        raise NewerSchema(
            f"the concept ledger {database.name} has schema {version} and this pilotage reads up to "
            f"{schema.SCHEMA_VERSION}: upgrade pilotage to open it"
        )


def _advance(connection: Connection, name: str) -> int:
    """Do the next step, if there still is one; returns the version that the ledger then has."""
    version = _version(connection, name)  # read again: another process may have been faster
    if version is None:
        schema.metadata.create_all(connection)
        facts = {"schema_version": str(schema.SCHEMA_VERSION), "ledger_id": uuid.uuid4().hex}
        connection.execute(insert(meta), [{"key": key, "value": value} for key, value in facts.items()])
        return schema.SCHEMA_VERSION
    if version >= schema.SCHEMA_VERSION:
        return version
    _log.info("bringing the concept ledger %s from schema %d to %d", name, version, version + 1)
    STEPS[version](connection)
    connection.execute(update(meta).where(meta.c.key == "schema_version").values(value=str(version + 1)))
    return version + 1


def _version(connection: Connection, name: str) -> int | None:
    """The ledger's schema; None for an empty database."""
    if not connection.dialect.has_table(connection, "meta"):
        return None
    value = connection.scalar(select(meta.c.value).where(meta.c.key == "schema_version"))
    if value is None or not value.isdigit() or int(value) < min(STEPS):
        raise LedgerError(f"{name} holds no concept ledger: choose another folder or restore a backup")
    return int(value)


def _add_runs_and_changes(connection: Connection) -> None:
    """1 -> 2: events tell their run and what they changed; the items of LangGraph agents get their tables."""
    connection.execute(text("ALTER TABLE events ADD COLUMN run TEXT NOT NULL DEFAULT ''"))
    connection.execute(text("ALTER TABLE events ADD COLUMN changes TEXT"))
    connection.execute(text("CREATE INDEX ix_events_run ON events (run)"))
    connection.execute(text("CREATE INDEX concepts_by_status ON concepts (namespace, status)"))
    schema.metadata.create_all(connection)
    query = select(events.c.seq, events.c.concept_id, events.c.action, events.c.body).order_by(
        events.c.concept_id, events.c.seq
    )
    rows: list[dict[str, Any]] = []
    for _, history in groupby(connection.execute(query).all(), key=lambda row: row.concept_id):
        rows += _replay(list(history))
    statement = update(events).where(events.c.seq == bindparam("number")).values(changes=bindparam("difference"))
    for start in range(0, len(rows), _BATCH):
        connection.execute(statement, rows[start : start + _BATCH])


def _replay(history: list[Any]) -> list[dict[str, Any]]:
    """What each event of one concept changed. Schema 1 kept the whole concept, or the rule to get it."""
    before: dict[str, Any] = {}
    rows = []
    for row in history:
        body = json.loads(row.body)
        if row.action == "merged":
            after = {**before, "seen": before["seen"] + 1}
        elif row.action == "outcome":
            counter = f"outcomes.{body['outcome']}"
            after = {**before, counter: before[counter] + 1}
            if body["outcome"] == "helped" and before["status"] == "provisional":
                after["status"] = "trusted"
        else:
            after = flatten(Concept.model_validate(body), withdrawn=False)
        changes = {} if row.action == "added" else difference(before, after)
        rows.append({"number": row.seq, "difference": json.dumps(changes)})
        before = after
    return rows


def _add_item_versions(connection: Connection) -> None:
    """2 -> 3: items tell when they changed, so that a search keeps their vectors instead of reading all of them."""
    if "version" in {column["name"] for column in inspect(connection).get_columns("items")}:
        return  # the step from 1 to 2 made the table as it is today
    connection.execute(text("ALTER TABLE items ADD COLUMN version BIGINT NOT NULL DEFAULT 0"))
    connection.execute(text("CREATE INDEX items_by_version ON items (namespace, version)"))


def _add_erasures(connection: Connection) -> None:
    """3 -> 4: what was erased is kept in mind."""
    schema.erasures.create(connection, checkfirst=True)


STEPS: dict[int, Callable[[Connection], None]] = {1: _add_runs_and_changes, 2: _add_item_versions, 3: _add_erasures}
"""Version to the step that leads to the next one. A step that was released never changes."""
