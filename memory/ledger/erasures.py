"""Erasures: tombstones of erased namespaces, by the hash of the name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, insert, or_, select, update

from pilotage.memory.ledger.schema import erasures

BELOW = "/"
"""Behind a namespace, before what it holds of one of its users."""


@dataclass(frozen=True)
class Tombstone:
    """What is left of a namespace.

    Attributes:
        digest: SHA-256 of its name, as hexadecimal digits.
        at: when it was erased, in ISO 8601.
        counts: rows that were erased, by table.
    """

    digest: str
    at: str
    counts: dict[str, int]


def digest(namespace: str) -> str:
    """SHA-256 of a name."""
    return hashlib.sha256(namespace.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Erased:
    """That a namespace was erased.

    Attributes:
        number: of the tombstone, in the order in which they were written.
        digest: SHA-256 of the name.
        below: whether all below it were erased too.
        at: when, in seconds since 1970.
    """

    number: int
    digest: str
    below: bool
    at: float


def erased_after(connection: Connection, number: int) -> list[Erased]:
    """What was erased after the tombstone with this number, of every namespace."""
    query = select(erasures).where(erasures.c.number > number).order_by(erasures.c.number)
    return [
        Erased(row.number, row.digest, bool(row.below), datetime.fromisoformat(row.at).timestamp())
        for row in connection.execute(query)
    ]


def lineage(namespace: str) -> list[str]:
    """Digests of a namespace and of those that it lies below, its own first."""
    parts = namespace.split(BELOW)
    return [digest(BELOW.join(parts[:length])) for length in range(len(parts), 0, -1)]


def times_erased(connection: Connection, namespace: str) -> int:
    """How often a namespace was erased, by itself or with one that it lies below."""
    own, *above = lineage(namespace)
    its_own = erasures.c.digest == own
    with_others = and_(erasures.c.digest.in_(above), erasures.c.below)
    query = select(func.count()).select_from(erasures).where(or_(its_own, with_others) if above else its_own)
    return int(connection.scalar(query) or 0)


def add_tombstones(connection: Connection, stones: Sequence[Tombstone], *, below: bool, index_due: bool) -> None:
    """Write what was erased; the first of them is the one that the others lie below."""
    lines = [
        {
            "digest": stone.digest,
            "below": below and number == 0,
            "at": stone.at,
            "counts": json.dumps(stone.counts),
            "index_due": index_due,
        }
        for number, stone in enumerate(stones)
    ]
    connection.execute(insert(erasures), lines)


def tombstones(connection: Connection, namespace: str) -> list[Tombstone]:
    """Every time that a namespace was erased by its own name, oldest first."""
    query = select(erasures).where(erasures.c.digest == digest(namespace)).order_by(erasures.c.number)
    return [Tombstone(row.digest, row.at, _counts(row.counts)) for row in connection.execute(query)]


def index_is_due(connection: Connection) -> bool:
    """Whether the index in the folder may hold vectors of what was erased."""
    return connection.scalar(select(erasures.c.number).where(erasures.c.index_due).limit(1)) is not None


def index_done(connection: Connection) -> None:
    """It holds none any more."""
    connection.execute(update(erasures).values(index_due=False))


def _counts(text: str) -> dict[str, int]:
    counts: Mapping[str, int] = json.loads(text)
    return dict(counts)
