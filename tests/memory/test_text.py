"""Text that no file can carry, at every entry of the memory."""

import io
import json

import pytest

from pilotage.memory.concept import ConceptDraft
from pilotage.memory.errors import UnknownConcept
from pilotage.memory.store import ConceptStore

HALF = "x \ud83d"


@pytest.fixture
def store():
    with ConceptStore.temporary() as store:
        yield store


def test_half_a_character_is_stored_replaced_and_found(store):
    draft = ConceptDraft.parse({"title": HALF, "cues": [HALF], "parameters": [{"name": HALF}]})
    id = store.add(draft, actor=HALF, cause=HALF, run=HALF)
    assert store.get(id).title == "x \ufffd"
    assert [hit.concept.id for hit in store.search(HALF)] == [id]
    assert store.recall(HALF).query
    assert store.history(id)[0].cause == "x \ufffd"
    assert store.events(run=HALF)
    store.revise(id, {"title": f"{HALF} y"}, cause=HALF)
    assert store.get(id).title == "x \ufffd y"


def test_an_id_that_cannot_be_written_is_no_concepts(store):
    for ask in (store.get, store.find_id, store.forget):
        with pytest.raises(UnknownConcept):
            ask(HALF)


def test_an_import_takes_it(store):
    line = json.dumps({"title": HALF, "cues": [HALF]})
    assert store.import_(io.BytesIO(line.encode())).added == 1
