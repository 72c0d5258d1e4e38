"""Doctor: is the ledger sound, and do its indexes agree with it? What is only a view can be repaired."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection, func, select, text

from pilotage.memory.concept import Concept
from pilotage.memory.errors import ConceptStoreError, EmbedderError
from pilotage.memory.ledger.schema import concepts, events, vectors, withdrawn_hash
from pilotage.memory.namespace import Namespace
from pilotage.memory.search.keywords import drift

_NAMED = 5  # ids in one sentence
_REPAIR, _REINDEX = "pilotage memory doctor --repair", "pilotage memory reindex"


@dataclass(frozen=True)
class CheckResult:
    """One thing that was checked.

    Attributes:
        what: what was checked.
        ok: whether it is as it should be, after a repair if there was one.
        found: what was found, in words.
        remedy: what to do, where it is not ok.
        repaired: whether this check has just been mended.
    """

    what: str
    ok: bool
    found: str
    remedy: str = ""
    repaired: bool = False


def examine(space: Namespace, *, repair: bool) -> list[CheckResult]:
    """Every check. A view that disagrees is rebuilt when `repair` is set; the ledger itself is never changed."""
    with space.ledger.read() as connection:
        results = [
            _database(connection),
            _rows(connection, space.name),
            _history(connection, space.name),
            _embedded(connection, space),
        ]
    keywords = _keywords(space)
    if not keywords.ok and repair:
        space.keywords.rebuild()
        keywords = replace(_keywords(space), repaired=True)
    return [*results, keywords, _vector_index(space, repair)]


def _keywords(space: Namespace) -> CheckResult:
    with space.ledger.read() as connection:
        apart = drift(connection)
    if not apart:
        return CheckResult("keyword index", True, "agrees with the ledger")
    state = f"{len(apart.missing)} concepts are missing and {len(apart.surplus)} too many"
    return CheckResult("keyword index", False, state, _REPAIR)


def _vector_index(space: Namespace, repair: bool) -> CheckResult:
    try:
        apart = space.vectors.check_index(repair=repair)
        owned = space.vectors.owns_index
    except EmbedderError as error:
        return CheckResult("vector index", True, f"not checked: {error}")
    except ConceptStoreError as error:
        return CheckResult("vector index", False, str(error), _REINDEX)
    if apart:
        return CheckResult("vector index", repair, str(apart), "" if repair else _REPAIR, repaired=repair)
    state = "agrees with the ledger" if owned else "not in this process: searches here read the ledger itself"
    return CheckResult("vector index", True, state)


def _embedded(connection: Connection, space: Namespace) -> CheckResult:
    embedder = space.ledger.embedder(connection)
    mine = select(func.count()).select_from(concepts).where(concepts.c.namespace == space.name)
    total = int(connection.scalar(mine) or 0)
    if embedder is None:
        return CheckResult("vectors", total == 0, "no vector yet", _REINDEX)
    complete = func.length(vectors.c.data) == 4 * embedder.dimensions
    good = select(vectors.c.concept_id).where(vectors.c.embedder == embedder.key, complete)
    lacking = int(connection.scalar(mine.where(concepts.c.id.not_in(good))) or 0)
    if lacking:
        state = f"{lacking} of {total} concepts have no vector by '{embedder.key}'"
        return CheckResult("vectors", False, state, _REINDEX)
    return CheckResult("vectors", True, f"{total} by '{embedder.key}'")


def _database(connection: Connection) -> CheckResult:
    if connection.dialect.name != "sqlite":
        return CheckResult("database", True, f"{connection.dialect.name}: its own tools check its files")
    faults = [str(row[0]) for row in connection.execute(text("PRAGMA integrity_check(20)")) if row[0] != "ok"]
    faults += [f"a row of {row[0]} points nowhere" for row in connection.execute(text("PRAGMA foreign_key_check"))]
    if faults:
        remedy = "restore the ledger from a backup, or import its last export into a new folder"
        return CheckResult("database", False, "; ".join(faults[:_NAMED]), remedy)
    return CheckResult("database", True, "sound, as SQLite's integrity check says")


def _rows(connection: Connection, namespace: str) -> CheckResult:
    """Every row can be read, and its columns say what its body says."""
    query = select(concepts).where(concepts.c.namespace == namespace).execution_options(yield_per=500)
    bad, total = [], 0
    for row in connection.execute(query):
        total += 1
        try:
            concept = Concept.model_validate_json(row.body)
        except ValueError:
            bad.append(row.id)
            continue
        in_body = (concept.id, concept.namespace, concept.kind, concept.status, concept.content_hash)
        stored = concept.content_hash if row.content_hash == withdrawn_hash(row.id) else row.content_hash
        if in_body != (row.id, row.namespace, row.kind, row.status, stored):
            bad.append(row.id)
    if bad:
        state = f"{len(bad)} of {total} rows contradict themselves: {_named(bad)}"
        return CheckResult("concepts", False, state, "look at `pilotage memory history ID`, then undo or edit it")
    return CheckResult("concepts", True, f"{total} rows, all readable")


def _history(connection: Connection, namespace: str) -> CheckResult:
    """Every concept was added by an event, and every event is of a concept that is there."""
    mine = select(concepts.c.id).where(concepts.c.namespace == namespace)
    recorded = select(events.c.concept_id).where(events.c.namespace == namespace)
    unborn = list(connection.scalars(mine.where(concepts.c.id.not_in(recorded)).limit(100)))
    lost = list(connection.scalars(recorded.where(events.c.concept_id.not_in(mine)).distinct().limit(100)))
    if unborn or lost:
        state = f"{len(unborn)} concepts without events, events of {len(lost)} that are gone: {_named(unborn + lost)}"
        return CheckResult("history", False, state, "restore the ledger from a backup")
    count = connection.scalar(select(func.count()).select_from(events).where(events.c.namespace == namespace))
    return CheckResult("history", True, f"{count} events, none without its concept")


def _named(ids: list[str]) -> str:
    return ", ".join(ids[:_NAMED]) + (", ..." if len(ids) > _NAMED else "")
