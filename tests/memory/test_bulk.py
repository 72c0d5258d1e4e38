"""Many concepts at once: the same result as one by one, all or nothing, and not much slower than embedding them."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilotage.memory.concept import ConceptDraft, Provenance
from pilotage.memory.embedders.embedder import HashEmbedder
from pilotage.memory.errors import EmbedderMismatch
from pilotage.memory.store import ConceptStore
from tests.memory.conftest import COST, GRID, SPELL

TITLES = st.lists(st.sampled_from(["rotate a matrix", "sum of prices", "reverse words", "count 3 coins"]), max_size=8)


def test_a_batch_writes_what_single_adds_write(tmp_path):
    drafts = [COST, SPELL, COST, GRID, COST.model_copy(update={"keywords": ("fruit",)})]
    with ConceptStore.open(tmp_path / "a", embedder="hash") as single:
        singly = [single.add(draft, cause="test", run="r") for draft in drafts]
        one_by_one = [(c.title, c.seen, c.status) for c in single.all()]
        words = [[hit.concept.title for hit in single.search(q)] for q in ("matrix", "cost of a purchase")]
    with ConceptStore.open(tmp_path / "b", embedder="hash") as batch:
        together = batch.add_many(drafts, cause="test", run="r")
        assert [(c.title, c.seen, c.status) for c in batch.all()] == one_by_one
        assert [[hit.concept.title for hit in batch.search(q)] for q in ("matrix", "cost of a purchase")] == words
        assert [together.index(id) for id in together] == [singly.index(id) for id in singly]
        event = batch.history(together[1])[0]
        assert (event.action, event.cause, event.run, event.body["title"]) == ("added", "test", "r", SPELL.title)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TITLES, max_size=3))
def test_however_they_are_batched_each_is_stored_once_and_counted(batches):
    with ConceptStore.temporary() as store:
        ids = [id for batch in batches for id in store.add_many([ConceptDraft(title=title) for title in batch])]
        asked = [title for batch in batches for title in batch]
        assert {store.get(id).title for id in ids} == set(asked)
        assert {c.title: c.seen for c in store.all()} == {title: asked.count(title) for title in asked}


def test_a_twin_within_a_batch_is_counted_and_one_that_differs_in_a_number_is_kept(store):
    twin = COST.model_copy(update={"title": COST.title + "."})
    other = COST.model_copy(update={"title": COST.title + " 2"})
    ids = store.add_many([COST, twin, other])
    assert ids[0] == ids[1] != ids[2]
    assert store.get(ids[0]).seen == 2


def test_a_batch_that_fails_leaves_nothing(folder, store):
    store.add(COST)
    with ConceptStore.open(folder, embedder=None) as mover:
        mover.reindex(HashEmbedder(64))
    with pytest.raises(EmbedderMismatch):
        store.add_many([SPELL, GRID])
    assert store.count() == 1


def test_a_concept_keeps_its_provenance_and_gets_an_id_of_its_own(store):
    first = store.get(store.add(COST, provenance=Provenance(task_id="t1")))
    with ConceptStore.temporary() as other:
        copy = other.get(other.add_many([first])[0])
    assert (copy.provenance, copy.id != first.id) == (first.provenance, True)


def test_two_thousand_take_far_less_than_one_by_one(store):
    drafts = [ConceptDraft(title=f"Method number{n} of {n % 7} kinds", cues=(f"case {n}",)) for n in range(2000)]
    started = time.process_time()
    store.add_many(drafts[:1900])
    together = (time.process_time() - started) / 1900
    started = time.process_time()
    for draft in drafts[1900:1920]:
        store.add(draft)
    assert together < (time.process_time() - started) / 20 / 2
