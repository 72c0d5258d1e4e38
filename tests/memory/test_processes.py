"""Several processes on one folder: one owns the index, the others search by scan, nobody misses a write."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pilotage.memory.store import ConceptStore
from tests.memory.conftest import COST, GRID, SPELL

OWNER = """
import sys
from pilotage.memory.store import ConceptStore
with ConceptStore.open(sys.argv[1], embedder="hash") as store:
    for line in sys.stdin:
        hits = store.search(line.strip(), limit=1)
        print(hits[0].concept.id if hits else "", store._vectors.owns_index, flush=True)
"""

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "processes.py"


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
    assert process.wait(300) == 0
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


def writers_and_a_searcher(target, *options):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(target), *options, "--json"],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=SCRIPT.parents[1],
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parents[1])},
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def check(said, writers, concepts):
    assert said["errors"] == []
    assert said["concepts"] == said["expected"] == writers * concepts + 20
    assert (said["lost"], said["doubled"], said["shared_seen"]) == (0, 0, [writers])
    assert said["in_order"]
    assert said["searcher"]["searches"] > 0 and said["searcher"]["empty"] == 0


def test_four_writers_and_a_searcher_lose_nothing_and_double_nothing(folder):
    check(writers_and_a_searcher(folder, "--concepts", "300", "--batch", "50"), 4, 300)
    with ConceptStore.open(folder, embedder="hash") as store:
        assert len(store.search("method", limit=2000)) == 1220


def test_writers_on_postgresql_lose_nothing_and_number_events_in_the_order_of_commits(postgres_url):
    check(writers_and_a_searcher(postgres_url, "--concepts", "60", "--batch", "20"), 4, 60)
