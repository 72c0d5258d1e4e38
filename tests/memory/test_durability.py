"""What was acknowledged survives kill -9, and the indexes agree with the ledger afterwards."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pilotage.memory.concept import Concept
from pilotage.memory.ledger.changes import flatten, unflatten
from pilotage.memory.search.chroma import ChromaIndex
from pilotage.memory.search.keywords import drift
from pilotage.memory.store import ConceptStore

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kills.py"


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A store whose writers were killed 200 times, and what the script said of it."""
    folder = tmp_path_factory.mktemp("kills")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), "--kills", "200", "--json"],
        capture_output=True,
        text=True,
        timeout=800,
        cwd=SCRIPT.parents[1],
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parents[1])},
    )
    assert done.stdout, done.stderr
    with ConceptStore.open(folder / "memory", embedder="hash") as store:
        yield store, json.loads(done.stdout)


def test_every_acknowledged_write_is_there_after_200_kills(killed):
    store, said = killed
    assert said["errors"] == []
    assert said["missing"] == []
    assert said["kills"] == 200 and said["acknowledged"] > 200
    # A write may have been done and not yet acknowledged when the kill came: one action, of up to three events.
    unacknowledged = len(store.events(None)) - said["acknowledged"]
    assert 0 <= unacknowledged <= 3 * 200


def test_both_indexes_agree_with_the_ledger_after_the_kills(killed):
    store, said = killed
    assert said["index_disagrees_on"] == []
    active = store.all()
    # Titles differ in numbers only, which embeddings hardly see: any of them may be among the nearest.
    found = {hit.concept.id for hit in store.search(active[-1].title, limit=20)}
    assert len(found) == 20 and found <= {concept.id for concept in active}
    view = store._vectors._open_view()
    assert isinstance(view, ChromaIndex)
    assert set(view._collection.get(include=[])["ids"]) == {concept.id for concept in active}
    with store._ledger.read() as connection:
        difference = drift(connection)
    assert (difference.missing, difference.surplus) == ((), ())


def test_no_write_is_there_in_part(killed):
    store, _ = killed
    rows = {concept.id: concept for concept in store.all(retired=True)}
    told = {}
    for event in store.events(None):
        if event.action == "added":
            told[event.concept_id] = flatten(Concept.model_validate(event.body), withdrawn=False)
        else:
            told[event.concept_id].update({name: after for name, (_, after) in event.changes.items()})
    assert {id: unflatten(fields) for id, fields in told.items()} == rows
    with store._ledger.read() as connection:
        vectors = store._ledger.vectors(connection, store._vectors.identity.key, list(rows))
    texts = store._vectors.embed([concept.search_text for concept in rows.values()])
    assert {id: text.tobytes() for id, text in zip(rows, texts, strict=True)} == vectors
