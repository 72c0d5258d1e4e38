"""Several processes on one folder: one owns the index, the others search by scan, nobody misses a write."""

import subprocess
import sys

import pytest

from memory.store import ConceptStore
from tests.memory.conftest import COST, GRID, SPELL

OWNER = """
import sys
from memory.store import ConceptStore
with ConceptStore.open(sys.argv[1], embedder="hash") as store:
    for line in sys.stdin:
        hits = store.search(line.strip(), limit=1)
        print(hits[0].concept.id if hits else "", store._vectors.owns_index, flush=True)
"""

WRITER = """
import sys
from memory.concept import ConceptDraft
from memory.store import ConceptStore
with ConceptStore.open(sys.argv[1], embedder="hash") as store:
    for n in range(25):
        store.add(ConceptDraft(title=f"Shared method {n}"))
        print(store.add(ConceptDraft(title=f"Method {n} of writer {sys.argv[2]}")))
"""


@pytest.fixture
def owner(folder):
    """A process that owns the index; the function returned asks it for the best hit of a query."""
    with ConceptStore.open(folder, embedder="hash") as store:
        store.add(COST)
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def ask(query):
        process.stdin.write(query + "\n")
        process.stdin.flush()
        return process.stdout.readline().split()

    yield ask
    process.stdin.close()
    assert process.wait(30) == 0
    process.stdout.close()


def test_a_second_process_sees_its_own_writes_and_the_owner_sees_them_too(folder, owner):
    assert owner("total cost of a purchase")[1] == "True"
    with ConceptStore.open(folder, embedder="hash") as second:
        spell, grid = second.add(SPELL), second.add(GRID)
        assert second.search("rotate a square matrix clockwise", limit=1)[0].concept.id == grid
        assert not second._vectors.owns_index
        assert owner("words of a sentence spelled backwards")[0] == spell
        second.forget(grid)
        assert second.search("rotate a square matrix", limit=1)[0].concept.id != grid
        assert owner("rotate a square matrix clockwise")[0] != grid


def test_a_store_takes_the_index_over_once_its_owner_is_gone(folder):
    first = ConceptStore.open(folder, embedder="hash")
    first.add(COST)
    first.search("cost")
    with ConceptStore.open(folder, embedder="hash") as second:
        second.search("cost")
        assert (first._vectors.owns_index, second._vectors.owns_index) == (True, False)
        first.close()
    with ConceptStore.open(folder, embedder="hash") as third:
        third.search("cost")
        assert third._vectors.owns_index


def test_processes_that_write_at_once_lose_nothing_and_double_nothing(folder):
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), str(number)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    ids = []
    for writer in writers:
        out, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors
        ids += out.split()
    with ConceptStore.open(folder, embedder="hash") as store:
        stored = store.all()
        assert set(ids) <= {concept.id for concept in stored}
        assert len(set(ids)) == 75
        assert sorted(concept.title for concept in stored if concept.title.startswith("Shared")) == sorted(
            f"Shared method {n}" for n in range(25)
        )
        assert store.count() == 100
