"""Records of completions on both databases: in one place for all processes, and gone with their namespace."""

import pytest

from pilotage.agent.run import Run
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
