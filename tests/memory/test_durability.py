"""What was acknowledged survives kill -9, and the indexes agree with the ledger afterwards."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from memory.index import ChromaIndex
from memory.store import ConceptStore

WRITER = """
import sys
from memory.concept import ConceptDraft
from memory.store import ConceptStore
with ConceptStore.open(sys.argv[1], embedder="hash") as store:
    first = None
    for n in range(100_000):
        id = store.add(ConceptDraft(title=f"Method {n} of run {sys.argv[2]}", cues=(f"when {n} comes up",)))
        first = first or id
        store.record_outcome([first], "recalled")
        print(id, flush=True)
        if n % 5 == 0:
            store.search(f"method {n}")
"""


@pytest.mark.parametrize("round", range(4))
def test_every_acknowledged_concept_is_there_after_a_kill(folder, round):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(round)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    acknowledged = [writer.stdout.readline().strip()]
    time.sleep(random.Random(round).uniform(0.05, 0.6))
    os.kill(writer.pid, signal.SIGKILL)
    rest = writer.stdout.read().split("\n")
    acknowledged += rest[:-1]  # the last line may have been cut
    writer.wait()
    writer.stdout.close()

    with ConceptStore.open(folder, embedder="hash") as store:
        stored = {concept.id for concept in store.all()}
        assert set(acknowledged) <= stored
        assert len(stored) - len(acknowledged) <= 1
        counted = store.get(acknowledged[0]).outcomes.recalled
        assert len(acknowledged) - 1 <= counted <= len(acknowledged) + 1
        for id in (acknowledged[0], acknowledged[-1]):
            assert store.search(store.get(id).title, limit=1)[0].concept.id == id
        view = store._vectors._open_view()
        assert isinstance(view, ChromaIndex)
        assert view.count() == store.count()
