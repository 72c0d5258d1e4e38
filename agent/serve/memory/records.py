"""Records: what feedback needs to know of a completion, in the database of the memory.

All processes on a memory see the same ones, and they go with their namespace when that is erased. A record is on disk
before the last byte of its reply is sent.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pilotage.common.retention import Entries

if TYPE_CHECKING:
    from pilotage.agent.run import Run
    from pilotage.memory import ConceptStore

CLAIM_SECONDS = 30.0
"""That one process may take to carry feedback out before another may."""
_DAY = 86_400.0
_MOST_BETWEEN_SWEEPS = 100

_DROPPED = frozenset({"prompt_hash"})
"""Columns that a table of before has: it is written on, since processes of before may be writing to it too."""

_metadata = sa.MetaData()
_table = sa.Table(
    "completions",
    _metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("namespace", sa.Text, nullable=False),
    sa.Column("key_id", sa.String(40), nullable=False),
    sa.Column("run", sa.String(100), nullable=False),
    sa.Column("task", sa.String(200), nullable=False),
    sa.Column("followed", sa.Text, nullable=False),
    sa.Column("learned", sa.Text, nullable=False),
    sa.Column("created", sa.Float, nullable=False),  # seconds since 1970
    sa.Column("verdict", sa.String(80)),  # what feedback was given; null for none
    sa.Column("claimed", sa.Float),  # until when a process is carrying feedback out
    sa.Index("completions_by_age", "namespace", "created"),
)

_TEXTS = ("id", "namespace", "key_id", "run", "task", "prompt_hash", "followed", "learned")
ENTRIES = Entries(
    "completions",
    f"SELECT id, created AS at, {' + '.join(f'length({name})' for name in _TEXTS)} AS bytes, '' AS kind "
    "FROM completions WHERE claimed IS NULL OR claimed < CAST(strftime('%s', 'now') AS REAL)",
    ("DELETE FROM completions WHERE id = :id",),
    alone=False,
)
"""For `pilotage cache`: all but those that feedback is being carried out on."""


@dataclass(frozen=True)
class Record:
    """A completion, as feedback finds it: a run as far as credit has to know it.

    Attributes:
        completion: its id.
        namespace: of the memory that it was made with.
        key: id of the key that it was made for.
        id: of the run.
        task_id: of the run's task.
        followed: ids of the concepts that it followed.
        learned: ids of those that it wrote.
        verdict: the feedback that was carried out; empty for none.
    """

    completion: str
    namespace: str
    key: str
    id: str
    task_id: str
    followed: tuple[str, ...]
    learned: tuple[str, ...]
    verdict: str = ""


class Records:
    """Writes and finds records. Every method works in the caller's thread.

    Args:
        keep_days: after which a record is forgotten.
        keep: the newest of a namespace that are kept.
        clock: seconds since 1970.
    """

    def __init__(self, keep_days: float, keep: int, clock: Callable[[], float] = time.time) -> None:
        self._seconds = keep_days * _DAY
        self._keep = keep
        self._clock = clock
        self._written = 0
        self._dropped: dict[str, dict[str, str]] = {}
        """Of each ledger, the columns of its table that are written no more, and may not be null."""
        self._pause = max(1, min(_MOST_BETWEEN_SWEEPS, keep // 10))

    def put(self, store: ConceptStore, completion: str, key: str, runs: Sequence[Run]) -> None:
        """Writes the record of a completion; durable when it returns. Raises ConceptStoreError."""
        followed = dict.fromkeys(id for run in runs for id in run.followed)
        learned = dict.fromkeys(id for run in runs for id in run.learned)
        row = {
            "id": completion,
            "namespace": store.namespace,
            "key_id": key,
            "run": runs[0].id,
            "task": runs[0].task_id,
            "followed": json.dumps([*followed]),
            "learned": json.dumps([*learned]),
            "created": self._clock(),
        }
        with store.ledger.write() as connection:
            _metadata.create_all(connection)
            old = self._of_before(connection, store.ledger.id)
            connection.execute(sa.insert(sa.table(_table.name, *map(sa.column, row | old))), row | old)
            if self._written % self._pause == 0:
                self._sweep(connection, store.namespace)
            self._written += 1

    def _of_before(self, connection: sa.Connection, ledger: str) -> dict[str, str]:
        if ledger not in self._dropped:
            there = {column["name"] for column in sa.inspect(connection).get_columns(_table.name)}
            self._dropped[ledger] = dict.fromkeys(there & _DROPPED, "")
        return self._dropped[ledger]

    def find(self, store: ConceptStore, completion: str) -> Record | None:
        """The record of a completion, whoever's it is; None where there is none, or it is too old."""
        if "\0" in completion:
            return None
        with store.ledger.read() as connection:
            if not connection.dialect.has_table(connection, _table.name):
                return None
            recent = _table.c.created > self._clock() - self._seconds
            row = connection.execute(sa.select(_table).where(_table.c.id == completion, recent)).one_or_none()
        return None if row is None else _record(row)

    def claim(self, store: ConceptStore, record: Record) -> Record | None:
        """The record as it is now, for this caller alone until `settle`; None while another has it."""
        now, mine = self._clock(), _table.c.id == record.completion
        free = sa.or_(_table.c.claimed.is_(None), _table.c.claimed < now, _table.c.claimed > now + CLAIM_SECONDS)
        with store.ledger.write() as connection:
            claim = sa.update(_table).where(mine, free).values(claimed=now + CLAIM_SECONDS)
            if connection.execute(claim).rowcount == 0:
                return None
            row = connection.execute(sa.select(_table).where(mine)).one()
        return _record(row)

    def settle(self, store: ConceptStore, record: Record, verdict: str) -> None:
        """Says which feedback holds from now on, and gives the record back."""
        with store.ledger.write() as connection:
            mine = sa.update(_table).where(_table.c.id == record.completion)
            connection.execute(mine.values(verdict=verdict or None, claimed=None))

    def _sweep(self, connection: sa.Connection, namespace: str) -> None:
        mine = _table.c.namespace == namespace
        newest = sa.select(_table.c.created).where(mine).order_by(_table.c.created.desc())
        over = connection.scalar(newest.offset(self._keep).limit(1))
        connection.execute(sa.delete(_table).where(_table.c.created <= self._clock() - self._seconds))
        if over is not None:
            connection.execute(sa.delete(_table).where(mine, _table.c.created <= over))


def _record(row: sa.Row[Any]) -> Record:
    return Record(
        completion=row.id,
        namespace=row.namespace,
        key=row.key_id,
        id=row.run,
        task_id=row.task,
        followed=tuple(json.loads(row.followed)),
        learned=tuple(json.loads(row.learned)),
        verdict=row.verdict or "",
    )
