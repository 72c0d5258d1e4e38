"""Records: the table of what runs tried, in the database of the memory.

All processes on a memory see the same rows, and they go with their namespace when that is erased. They hold no text: a
task is its embedding and a fingerprint.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from pilotage.agent.experience.attempts import Attempts, Evidence

if TYPE_CHECKING:
    from pilotage.memory import ConceptStore

Vector = NDArray[np.float32]

MOST = 2_000
"""Runs of a namespace that are kept, the newest ones: what a model came to long ago says little of it now."""

_metadata = sa.MetaData()
_table = sa.Table(
    "experience",
    _metadata,
    sa.Column("namespace", sa.Text, primary_key=True),
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("writer", sa.Text, nullable=False),  # that run, or the command that learnt from many
    sa.Column("changed", sa.BigInteger, nullable=False),  # grows with every write of a namespace
    sa.Column("task", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.String(32), nullable=False),  # of what the task shows
    sa.Column("embedder", sa.Text, nullable=False),
    sa.Column("vector", sa.LargeBinary, nullable=False),  # little-endian float16
    sa.Column("attempts", sa.Text, nullable=False),
    sa.Column("evidence", sa.String(20), nullable=False),
    sa.Column("judge", sa.Text, nullable=False),  # the command that judged it; empty for none
    sa.Column("found", sa.String(20), nullable=False),  # the evidence before any feedback
    sa.Column("found_attempts", sa.Text, nullable=False),
    sa.Column("created", sa.Float, nullable=False),  # seconds since 1970
    sa.Column("undone", sa.Boolean, nullable=False),
    sa.Index("experience_by_change", "namespace", "changed"),
    sa.Index("experience_by_age", "namespace", "undone", "created", "run"),
)


@dataclass(frozen=True)
class Record:
    """What experience keeps of a run.

    Attributes:
        run: its id.
        model: name of the model that was asked.
        task: id of its task.
        fingerprint: the same for tasks that show the same.
        embedder: names the embedder of `vector`.
        vector: embedding of the task, of length 1, shape (d,).
        attempts: what it tried.
        evidence: what tells that its answers are right or wrong.
        writer: by what it is taken back, besides its id: a command that learns from many runs has a name for all.
        created: seconds since 1970.
        changed: number of the write that left it as it is.
        undone: whether it was taken back.
    """

    run: str
    model: str
    task: str
    fingerprint: str
    embedder: str
    vector: Vector
    attempts: Attempts
    evidence: Evidence
    writer: str = ""
    created: float = 0.0
    changed: int = 0
    undone: bool = False


class Version(NamedTuple):
    """How many records there are, and their oldest and newest change."""

    records: int
    oldest: int
    newest: int


class Records:
    """Rows of one namespace. Every method works in the caller's thread, and raises ConceptStoreError."""

    def __init__(self, store: ConceptStore, most: int = MOST) -> None:
        self._store, self._most = store, most
        self._mine = _table.c.namespace == store.namespace
        self._there = False

    def put(self, records: Iterable[Record], *, anew: bool = True) -> int:
        """Writes records; durable when it returns how many were written.

        Args:
            records: what is kept of runs.
            anew: in place of what is kept of the same runs; otherwise that stays, whoever wrote it meanwhile.
        """
        written = 0
        with self._store.ledger.write() as connection:
            _metadata.create_all(connection)
            self._store.vectors.claim(connection)
            self._there = True
            for record in records:
                own = self._mine, _table.c.run == record.run
                if not anew and connection.scalar(sa.select(_table.c.run).where(*own)) is not None:
                    continue
                written += 1
                data = record.vector.astype("<f2").tobytes()
                row = {
                    "namespace": self._store.namespace,
                    "run": record.run,
                    "model": record.model,
                    "writer": record.writer or record.run,
                    "changed": self._next(connection),
                    "task": record.task,
                    "fingerprint": record.fingerprint,
                    "embedder": record.embedder,
                    "vector": data,
                    "attempts": record.attempts.to_json(),
                    "evidence": record.evidence,
                    "judge": "",
                    "found": record.evidence,
                    "found_attempts": record.attempts.to_json(),
                    "created": record.created or time.time(),
                    "undone": False,
                }
                connection.execute(sa.delete(_table).where(*own))
                connection.execute(sa.insert(_table).values(row))
            self._trim(connection)
        return written

    def _trim(self, connection: sa.Connection) -> None:
        """Forgets the oldest beyond what is kept, and those first that were taken back."""
        order = (_table.c.undone, _table.c.created.desc(), _table.c.run.desc())
        over = sa.select(_table.c.run).where(self._mine).order_by(*order).offset(self._most).limit(self._most)
        surplus = connection.scalars(over).all()
        if surplus:
            connection.execute(sa.delete(_table).where(self._mine, _table.c.run.in_(surplus)))

    def judge(self, run: str, right: float | None, evidence: Evidence, judge: str = "") -> bool:
        """Says whether the answer of a run was right; None for what was found before anybody said. True if that is new.

        A run that nothing is kept of changes nothing. `judge` names the command that says so, which `undo` takes back.
        """
        if not self._is_there():
            return False
        with self._store.ledger.write() as connection:
            row = connection.execute(sa.select(_table).where(self._mine, _table.c.run == run)).one_or_none()
            found = None if row is None else Attempts.from_json(row.found_attempts)
            if row is None or found is None:
                return False
            said = row.found if right is None else evidence
            attempts = (found if right is None else found.judged(right)).to_json()
            if (row.attempts, row.evidence) == (attempts, said):
                return False
            changed = {"attempts": attempts, "evidence": said, "judge": judge, "changed": self._next(connection)}
            connection.execute(sa.update(_table).where(self._mine, _table.c.run == run).values(changed))
        return True

    def undo(self, run: str, *, back: bool = False) -> bool:
        """Leaves out what a run left, or the runs of a command, or brings it `back`; true if that changed anything."""
        if not self._is_there():
            return False
        own = sa.or_(_table.c.run == run, _table.c.writer == run)
        with self._store.ledger.write() as connection:
            mine = sa.update(_table).where(self._mine, own, _table.c.undone == back)
            done = connection.execute(mine.values(undone=not back, changed=self._next(connection))).rowcount
            if not back:  # what the command said of runs that were there before; to say it again, repeat the command
                judged = sa.update(_table).where(self._mine, _table.c.judge == run)
                found = {"attempts": _table.c.found_attempts, "evidence": _table.c.found, "judge": ""}
                done += connection.execute(judged.values(found | {"changed": self._next(connection)})).rowcount
        return bool(done)

    def known(self, runs: Collection[str]) -> set[str]:
        """Those of some runs of which anything is kept."""
        if not self._is_there() or not runs:
            return set()
        with self._store.ledger.read() as connection:
            there = sa.select(_table.c.run).where(self._mine)
            return set(connection.scalars(there)) & set(runs)

    def version(self) -> Version:
        """The same as long as nothing was written."""
        if not self._is_there():
            return Version(0, 0, 0)
        changed = _table.c.changed
        query = sa.select(sa.func.count(), sa.func.min(changed), sa.func.max(changed)).where(self._mine)
        with self._store.ledger.read() as connection:
            return Version(*(int(number or 0) for number in connection.execute(query).one()))

    def models(self) -> dict[str, int]:
        """How many runs there are of each model, most first."""
        if not self._is_there():
            return {}
        count = sa.func.count()
        query = sa.select(_table.c.model, count).where(self._mine, ~_table.c.undone).group_by(_table.c.model)
        with self._store.ledger.read() as connection:
            return {row[0]: int(row[1]) for row in connection.execute(query.order_by(count.desc(), _table.c.model))}

    def since(self, change: int = 0) -> list[Record]:
        """What was written or taken back after a change, in that order.

        Without what another version of this package wrote.
        """
        if not self._is_there():
            return []
        query = sa.select(_table).where(self._mine, _table.c.changed > change).order_by(_table.c.changed)
        with self._store.ledger.read() as connection:
            rows = connection.execute(query).all()
        return [record for row in rows if (record := _record(row)) is not None]

    def _next(self, connection: sa.Connection) -> int:
        """Number of the next write; that of the first tells the time, so that what was erased never comes up again."""
        newest = connection.scalar(sa.select(sa.func.max(_table.c.changed)).where(self._mine))
        return time.time_ns() // 1000 if newest is None else int(newest) + 1

    def _is_there(self) -> bool:
        """Whether the table is: nothing is made in a memory that is only read."""
        if not self._there:
            with self._store.ledger.read() as connection:
                self._there = connection.dialect.has_table(connection, _table.name)
        return self._there


def _record(row: sa.Row[tuple[object, ...]]) -> Record | None:
    attempts = Attempts.from_json(row.attempts)
    if attempts is None:
        return None
    vector = np.frombuffer(row.vector, dtype="<f2").astype(np.float32)
    norm = float(np.linalg.norm(vector))
    return Record(
        row.run,
        row.model,
        row.task,
        row.fingerprint,
        row.embedder,
        vector / norm if norm else vector,
        attempts,
        cast(Evidence, row.evidence),
        row.writer,
        row.created,
        row.changed,
        row.undone,
    )
