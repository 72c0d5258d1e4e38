"""Moving to another embedder: in use meanwhile, killed and gone on with, and noticed by whoever has it open."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from pilotage.memory.concept import ConceptDraft
from pilotage.memory.embedders.embedder import HashEmbedder
from pilotage.memory.errors import EmbedderError, EmbedderMismatch
from pilotage.memory.store import ConceptStore

MOVER = """
import sys
from pilotage.memory.embedders.embedder import HashEmbedder
from pilotage.memory.store import ConceptStore

def told(done, total):
    print(done, total, flush=True)
    if done == 256:
        sys.stdin.readline()  # waits until the test has looked around

with ConceptStore.open(sys.argv[1], embedder=None) as store:
    store.reindex(HashEmbedder(64), on_progress=told)
"""


class Counting(HashEmbedder):
    """Counts the texts it embeds."""

    asked = 0

    def embed(self, texts):
        self.asked += len(texts)
        return super().embed(texts)


@pytest.fixture
def filled(folder):
    with ConceptStore.open(folder, embedder="hash") as store:
        store.add_many(ConceptDraft(title=f"Method number{n} with {n * n} steps") for n in range(700))
    return folder


@pytest.fixture
def mover(filled):
    process = subprocess.Popen(
        [sys.executable, "-c", MOVER, str(filled)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.wait(300)
    process.stdout.close()
    process.stdin.close()


def test_searches_and_writes_go_on_until_the_switch_and_then_say_so(filled, mover):
    with ConceptStore.open(filled, embedder="hash") as store:
        assert mover.stdout.readline().split() == ["256", "700"]
        assert store.search("method number7", limit=1)
        new = store.add(ConceptDraft(title="Written while the others move"))
        assert store.search("written while the others move", limit=1)[0].concept.id == new
        mover.stdin.write("go on\n")
        mover.stdin.close()
        assert mover.wait(300) == 0
        with pytest.raises(EmbedderMismatch, match="hash/64/v1"):
            store.search("method number7")
    with ConceptStore.open(filled, embedder=HashEmbedder(64)) as store:
        assert store.search("written while the others move", limit=1)[0].concept.id == new
        assert not store._vectors.check_index()  # ids and vectors of all 701


def test_a_killed_reindex_goes_on_where_it_was(filled, mover):
    assert mover.stdout.readline().split() == ["256", "700"]
    os.kill(mover.pid, signal.SIGKILL)
    mover.wait(300)
    with ConceptStore.open(filled, embedder="hash") as store:
        assert len(store.search("method number7", limit=5)) == 5
    embedder, seen = Counting(64), []
    with ConceptStore.open(filled, embedder=None) as store:
        store.reindex(embedder, on_progress=lambda done, total: seen.append((done, total)))
    assert 0 < embedder.asked <= 700 - 256
    assert seen[-1] == (700, 700) and seen == sorted(seen)


def test_an_embedder_that_fails_half_way_leaves_the_old_one_in_force(filled):
    class Failing(Counting):
        def embed(self, texts):
            made = super().embed(texts)
            return made * np.nan if self.asked > 256 else made

    with ConceptStore.open(filled, embedder="hash") as store:
        with pytest.raises(EmbedderError, match="not finite"):
            store.reindex(Failing(64))
        assert store.search("method number7", limit=1)
        assert store.reindex() == 0
