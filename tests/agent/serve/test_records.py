"""Records of completions on both databases: in one place for all processes, and gone with their namespace."""

import pytest
import sqlalchemy as sa

from pilotage.agent.run import Run
from pilotage.agent.serve.memory import records
from pilotage.agent.serve.memory.records import CLAIM_SECONDS, Records
from pilotage.agent.trace import Trace
from pilotage.memory import ConceptStore
from pilotage.memory.errors import NamespaceErased
from tests.servers import postgres, postgres_url  # noqa: F401  (fixtures)

RUN = Run(
    **{
        "id": "r",
        "task_id": "t",
        "answer": "x",
        "score": None,
        "trace": Trace(),
        "followed": ("f",),
        "learned": ("l",),
    },
    **{"model": "m", "policy": "p", "stopped_by": "answer", "seconds": 0.0},
)


class Clock:
    def __init__(self):
        self.now = 1e9

    def __call__(self):
        return self.now


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    return tmp_path / "memory" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


def test_a_record_is_found_claimed_by_one_and_erased(place):
    clock = Clock()
    here, there = Records(30, 5, clock), Records(30, 5, clock)

    def opened(namespace):
        return ConceptStore.open(place, embedder="hash", namespace=namespace)

    with opened("a") as a, opened("b") as b:
        assert here.find(a, "one") is None
        here.put(a, "one", "key", [RUN, RUN.model_copy(update={"followed": ("g",)})])
        record = there.find(b, "one")
        assert (record.namespace, record.key, record.id, record.task_id) == ("a", "key", "r", "t")
        assert (record.followed, record.learned, record.verdict) == (("f", "g"), ("l",), "")
        assert here.claim(a, record) == record and there.claim(b, record) is None
        clock.now += CLAIM_SECONDS + 1  # the process that had it was killed
        assert there.claim(b, record) == record
        there.settle(b, record, "helped:")
        assert here.claim(a, record).verdict == "helped:"
        for number in range(7):
            clock.now += 1
            here.put(a, f"more {number}", "key", [RUN])
        assert here.find(a, "one") is None and here.find(a, "more 1") is None and here.find(a, "more 2")
        here.put(b, "other", "key", [RUN])
        assert a.erase().counts["completions"] == 5
        assert here.find(a, "more 6") is None and here.find(b, "other")
        with pytest.raises(NamespaceErased):
            here.put(a, "late", "key", [RUN])
    clock.now += 30 * 86_400
    with opened("c") as c:
        assert here.find(c, "other") is None


def test_a_table_of_before_is_read_and_written_on(place):
    """It has a hash of what was asked, which nothing read; it may not be null there."""
    before = sa.Table("completions", sa.MetaData(), *(column._copy() for column in records._table.columns))
    before.append_column(sa.Column("prompt_hash", sa.String(64), nullable=False))
    old = {"id": "old", "namespace": "a", "key_id": "key", "run": "r", "task": "t", "prompt_hash": "abc"}
    with ConceptStore.open(place, embedder="hash", namespace="a") as store:
        with store.ledger.write() as connection:
            before.create(connection)
            connection.execute(sa.insert(before), old | {"followed": "[]", "learned": "[]", "created": 1e9})
        kept = Records(30, 5, Clock())
        kept.put(store, "new", "key", [RUN])
        assert kept.find(store, "old").id == "r" and kept.find(store, "new").followed == ("f",)
        with store.ledger.read() as connection:
            hashes = {row.id: row.prompt_hash for row in connection.execute(sa.select(before))}
        assert hashes == {"old": "abc", "new": ""}
