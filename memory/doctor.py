"""Doctor: is the ledger sound, and do its indexes agree with it? What is only a view can be repaired."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Connection, func, select, text

from pilotage.memory.concept import Concept
from pilotage.memory.errors import ConceptStoreError, EmbedderError
from pilotage.memory.ledger.schema import concepts, events, vectors, withdrawn_hash
from pilotage.memory.ledger.stats import embedder_of
from pilotage.memory.search.keywords import drift
from pilotage.memory.search.namespace import Namespace

_NAMED = 5  # ids in one sentence
_REPAIR = "pilotage memory doctor --repair"


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


class Doctor:
    """Checks one store; the ledger itself is never changed, because it is the truth."""

    def __init__(self, space: Namespace) -> None:
        self._space = space

    def examine(self, *, repair: bool) -> list[CheckResult]:
        """Every check. A view that disagrees is rebuilt when `repair` is set, and checked again."""
        with self._space.ledger.read() as connection:
            results = [
                *_database(connection),
                _rows(connection, self._space.name),
                _history(connection, self._space.name),
                self._embedded(connection),
            ]
        return [*results, *self._views(repair)]

    def _views(self, repair: bool) -> Iterator[CheckResult]:
        keywords = self._keywords()
        if not keywords.ok and repair:
            self._space.keywords.rebuild()
            keywords = replace(self._keywords(), repaired=True)
        yield keywords
        yield self._vector_index(repair)

    def _keywords(self) -> CheckResult:
        with self._space.ledger.read() as connection:
            apart = drift(connection)
        if not apart.missing and not apart.surplus:
            return CheckResult("keyword index", True, "agrees with the ledger")
        found = f"{len(apart.missing)} concepts are missing and {len(apart.surplus)} too many"
        return CheckResult("keyword index", False, found, _REPAIR)

    def _vector_index(self, repair: bool) -> CheckResult:
        try:
            apart = self._space.vectors.check_index(repair=repair)
            owned = self._space.vectors.owns_index
        except EmbedderError as error:
            return CheckResult("vector index", True, f"not checked: {error}")
        except ConceptStoreError as error:
            return CheckResult("vector index", False, str(error), "pilotage memory reindex")
        if not apart:
            found = "agrees with the ledger" if owned else "not in this process: searches here read the ledger itself"
            return CheckResult("vector index", True, found)
        return CheckResult("vector index", repair, str(apart), "" if repair else _REPAIR, repaired=repair)

    def _embedded(self, connection: Connection) -> CheckResult:
        embedder = embedder_of(self._space.ledger, connection)
        mine = select(func.count()).select_from(concepts).where(concepts.c.namespace == self._space.name)
        total = int(connection.scalar(mine) or 0)
        if embedder is None:
            return CheckResult("vectors", total == 0, "no vector yet", "pilotage memory reindex")
        size = 4 * embedder.dimensions
        good = select(vectors.c.concept_id).where(
            vectors.c.embedder == embedder.key, func.length(vectors.c.data) == size
        )
        lacking = int(connection.scalar(mine.where(concepts.c.id.not_in(good))) or 0)
        if lacking:
            found = f"{lacking} of {total} concepts have no vector by '{embedder.key}'"
            return CheckResult("vectors", False, found, "pilotage memory reindex")
        return CheckResult("vectors", True, f"{total} by '{embedder.key}'")


def _database(connection: Connection) -> Iterator[CheckResult]:
    remedy = "restore the ledger from a backup, or import its last export into a new folder"
    if connection.dialect.name != "sqlite":
        yield CheckResult("database", True, f"{connection.dialect.name}: its own tools check its files")
        return
    faults = [str(row[0]) for row in connection.execute(text("PRAGMA integrity_check(20)")) if row[0] != "ok"]
    faults += [f"a row of {row[0]} points nowhere" for row in connection.execute(text("PRAGMA foreign_key_check"))]
    found = "; ".join(faults[:_NAMED]) if faults else "sound, as SQLite's integrity check says"
    yield CheckResult("database", not faults, found, remedy if faults else "")


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
        found = f"{len(bad)} of {total} rows contradict themselves: {_named(bad)}"
        return CheckResult("concepts", False, found, "look at `pilotage memory history ID`, then undo or edit it")
    return CheckResult("concepts", True, f"{total} rows, all readable")


def _history(connection: Connection, namespace: str) -> CheckResult:
    """Every concept was added by an event, and every event is of a concept that is there."""
    mine = select(concepts.c.id).where(concepts.c.namespace == namespace)
    recorded = select(events.c.concept_id).where(events.c.namespace == namespace)
    unborn = list(connection.scalars(mine.where(concepts.c.id.not_in(recorded)).limit(100)))
    lost = list(connection.scalars(recorded.where(events.c.concept_id.not_in(mine)).distinct().limit(100)))
    if unborn or lost:
        found = f"{len(unborn)} concepts without events, events of {len(lost)} that are gone: {_named(unborn + lost)}"
        return CheckResult("history", False, found, "restore the ledger from a backup")
    count = connection.scalar(select(func.count()).select_from(events).where(events.c.namespace == namespace))
    return CheckResult("history", True, f"{count} events, none without its concept")


def _named(ids: list[str]) -> str:
    return ", ".join(ids[:_NAMED]) + (", ..." if len(ids) > _NAMED else "")
