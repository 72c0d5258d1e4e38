"""Erase: everything of a namespace is removed for good, and a tombstone says that it was.

It is the one edit that cannot be undone. Every table of the ledger's database with a column `namespace` belongs to
tenants: so what others keep there beside the concepts goes too, in the same transaction.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, column, delete, inspect, literal, select, table, text

from pilotage.memory.concept import now
from pilotage.memory.errors import LedgerError
from pilotage.memory.ledger.erasures import BELOW, Tombstone, add_tombstones, digest, times_erased
from pilotage.memory.ledger.schema import concepts, item_vectors, items, vectors
from pilotage.memory.namespace import Namespace
from pilotage.memory.search.keywords import TABLE as KEYWORDS

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Erasure:
    """What was erased.

    Attributes:
        digest: SHA-256 of the namespace, as its tombstone has it.
        at: when, in ISO 8601.
        counts: rows by table, of all the namespaces together.
        namespaces: all that were erased, the one that was named first.
        left: what could not be cleared at once, each as a sentence that says when it is.
    """

    digest: str
    at: str
    counts: dict[str, int]
    namespaces: tuple[str, ...]
    left: tuple[str, ...] = ()

    def joined(self, other: Erasure) -> Erasure:
        """This erasure, and what was erased of the same namespace elsewhere."""
        more = (name for name in other.namespaces if name not in self.namespaces)
        return Erasure(
            self.digest,
            self.at,
            dict(Counter(self.counts) + Counter(other.counts)),
            (*self.namespaces, *more),
            (*self.left, *other.left),
        )


def erase(space: Namespace, *, below: bool) -> Erasure:
    """Erases a namespace, with all `below` it, and clears the indexes."""
    at = now().isoformat(timespec="microseconds")
    counts: Counter[str] = Counter()
    stones = []
    with space.ledger.write(erases=True) as connection:
        tables = list(_of_tenants(connection))
        names = [space.name, *(_below(connection, tables, space.name) if below else ())]
        embedders = list(connection.scalars(select(vectors.c.embedder).distinct()))
        for name in names:
            gone = _erase_rows(connection, tables, name)
            counts.update(gone)
            stones.append(Tombstone(digest(name), at, gone))
        if space.ledger.dialect == "sqlite":  # its words stay in the index's segments until those are merged
            connection.execute(text(f"INSERT INTO {KEYWORDS} ({KEYWORDS}) VALUES ('optimize')"))
        add_tombstones(connection, stones, below=below, index_due=space.vectors.has_index_folder)
    left = [*space.vectors.erase(names, embedders)]
    try:
        space.ledger.database.compact()
    except LedgerError as error:
        _log.warning("%s", error)
        left.append(f"the rows are gone, but their bytes are still in the file's free space: {error}")
    return Erasure(digest(space.name), at, dict(counts), tuple(names), tuple(left))


def is_known(space: Namespace, *, below: bool) -> bool:
    """Whether there is anything of a namespace, or of those `below` it, or there was before it was erased."""
    with space.ledger.read() as connection:
        if times_erased(connection, space.name):
            return True
        tables = list(_of_tenants(connection))
        if below and _below(connection, tables, space.name):
            return True
        mine = (select(literal(1)).select_from(table(name)).where(column("namespace") == space.name) for name in tables)
        return any(connection.scalar(one.limit(1)) for one in mine)


def _of_tenants(connection: Connection) -> Iterator[str]:
    """Names of the tables that keep things by namespace, those that refer to others first."""
    known = inspect(connection)
    for name in known.get_table_names():
        if name != concepts.name and "namespace" in {one["name"] for one in known.get_columns(name)}:
            yield name
    yield concepts.name


def _below(connection: Connection, tables: list[str], namespace: str) -> list[str]:
    found: set[str] = set()
    for name in tables:
        found |= set(connection.scalars(select(table(name, column("namespace")).c.namespace).distinct()))
    # Not left to SQL: SQLite's LIKE takes small letters for capital ones.
    return sorted(name for name in found if name.startswith(namespace + BELOW))


def _erase_rows(connection: Connection, tables: list[str], namespace: str) -> dict[str, int]:
    gone: dict[str, int] = {}
    mine = select(concepts.c.id).where(concepts.c.namespace == namespace)
    gone[vectors.name] = connection.execute(delete(vectors).where(vectors.c.concept_id.in_(mine))).rowcount
    kept = select(items.c.id).where(items.c.namespace == namespace)
    gone[item_vectors.name] = connection.execute(delete(item_vectors).where(item_vectors.c.item_id.in_(kept))).rowcount
    for name in tables:
        whole = table(name, column("namespace"))
        gone[name] = connection.execute(delete(whole).where(whole.c.namespace == namespace)).rowcount
    return {str(name): count for name, count in gone.items() if count}  # SQLAlchemy's names are no plain text
