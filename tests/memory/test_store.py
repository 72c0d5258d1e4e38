import sys
import threading

import pytest

from pilotage.memory.concept import ConceptDraft, Provenance
from pilotage.memory.errors import EmbedderError, InvalidConcept, StaleConcept, UnknownConcept
from pilotage.memory.store import ConceptStore
from tests.memory.conftest import COST, GRID, SPELL
from tests.together import pool_of


def test_what_is_added_comes_back_after_reopening(folder):
    origin = Provenance(task_id="t1", model="m", verified_by="examples")
    with ConceptStore.open(folder, embedder="hash") as store:
        id = store.add(COST, actor="agent", cause="t1", provenance=origin, status="trusted")
    with ConceptStore.open(folder, embedder="hash") as store:
        concept = store.get(id)
        assert concept.draft == COST
        assert (concept.provenance, concept.status, concept.version) == (origin, "trusted", 1)
        assert [hit.concept.id for hit in store.search("what is the total cost of the purchase?")] == [id]


def test_search_ranks_the_related_concept_first(store):
    ids = store.add_many([COST, SPELL, GRID])
    assert store.search("rotate this square matrix clockwise")[0].concept.id == ids[2]
    assert store.search("spell each word of the sentence backwards", limit=1)[0].concept.id == ids[1]
    assert len(store.search("anything", limit=2)) == 2
    assert store.search("anything", limit=0) == []


def test_an_exact_duplicate_gives_the_id_that_is_there_and_counts_it(store):
    id = store.add(COST)
    assert store.add(COST) == id
    assert store.add_many([COST, SPELL, SPELL])[0] == id
    assert store.count() == 2
    assert store.get(id).seen == 3


def test_another_spelling_is_merged_and_stays_in_the_history(store):
    id = store.add(COST)
    again = COST.model_copy(update={"title": COST.title + "."})
    assert store.add(again, cause="t2") == id
    last = store.history(id)[-1]
    assert (last.action, last.cause, last.body["draft"]["title"]) == ("merged", "t2", again.title)
    assert store.count() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Total cost of a purchase 2"},
        {"kind": "structure"},
        {"implementation": ("total = sum(parts)",)},
    ],
)
def test_what_differs_in_a_number_the_kind_or_the_steps_is_no_duplicate(store, change):
    assert store.add(COST) != store.add(COST.model_copy(update=change))
    assert store.count() == 2


def test_a_forgotten_concept_is_not_found_until_it_is_restored(store):
    id = store.add(COST)
    store.add(SPELL)
    store.forget(id, actor="me", cause="wrong")
    assert store.get(id).status == "retired"
    assert id not in [hit.concept.id for hit in store.search("total cost of a purchase")]
    assert store.recall("total cost of a purchase").abstained
    assert store.count() == 1
    store.restore(id)
    assert store.search("total cost of a purchase")[0].concept.id == id
    assert [event.action for event in store.history(id)] == ["added", "retired", "restored"]


def test_adding_a_forgotten_concept_again_brings_it_back(store):
    id = store.add(COST)
    store.forget(id)
    assert store.add(COST) == id
    assert store.search("total cost")[0].concept.id == id


def test_a_revision_is_found_by_its_new_text_and_keeps_its_credit(store):
    id = store.add(COST)
    store.add(GRID)
    store.record_outcome([id], "helped")
    revised = store.revise(id, {"title": "Vowels", "cues": ["count vowels"], "implementation": []})
    assert (revised.version, revised.outcomes.helped) == (2, 1)
    assert store.search("how many vowels to count?")[0].concept == revised
    assert store.history(id)[0].body["title"] == COST.title


def test_a_bad_or_outdated_revision_changes_nothing(store):
    id, other = store.add_many([COST, SPELL])
    with pytest.raises(InvalidConcept, match="'title'"):
        store.revise(id, {"title": ""})
    with pytest.raises(StaleConcept, match="meanwhile"):
        store.revise(id, {"title": "new"}, expected_version=7)
    with pytest.raises(StaleConcept, match=other):
        store.revise(id, SPELL.model_dump())
    assert store.get(id).draft == COST
    assert len(store.history(id)) == 1


def test_outcomes_are_counted_once_a_call_and_helping_earns_trust(store):
    id, other = store.add_many([COST, SPELL])
    store.record_outcome([id, id, other], "recalled", cause="t1")
    store.record_outcome([id], "helped")
    store.record_outcome([other], "harmed")
    assert store.get(id).outcomes.model_dump(exclude_defaults=True) == {"recalled": 1, "helped": 1}
    assert (store.get(id).status, store.get(other).status) == ("trusted", "provisional")


def test_an_outcome_for_an_unknown_concept_counts_for_none(store):
    id = store.add(COST)
    with pytest.raises(UnknownConcept, match="no concept 'gone'"):
        store.record_outcome([id, "gone"], "helped")
    assert store.get(id).outcomes.helped == 0


@pytest.mark.parametrize("call", ["get", "forget", "restore", "history"])
def test_an_unknown_id_is_a_sentence(store, call):
    with pytest.raises(UnknownConcept, match="no concept 'nope' in namespace 'default'"):
        getattr(store, call)("nope")


def test_namespaces_do_not_see_each_other(folder):
    with (
        ConceptStore.open(folder, embedder="hash", namespace="a") as a,
        ConceptStore.open(folder, embedder="hash", namespace="b") as b,
    ):
        id = a.add(COST)
        assert b.is_empty()
        with pytest.raises(UnknownConcept):
            b.get(id)
        assert b.add(COST) != id
        b.forget(b.all()[0].id)
        assert [hit.concept.id for hit in a.search("total cost")] == [id]
        assert b.search("total cost") == []


def test_many_threads_add_search_and_count_without_loss(store):
    drafts = [ConceptDraft(title=f"Method number {i}", cues=(f"cue {i % 7}",)) for i in range(60)]

    def work(draft):
        id = store.add(draft)
        store.search(draft.title)
        store.record_outcome([id], "recalled")
        return id

    with pool_of(16) as pool:
        ids = list(pool.map(work, drafts))
    assert len(set(ids)) == store.count() == 60
    assert all(concept.outcomes.recalled == 1 for concept in store.all())


def test_the_same_draft_from_many_threads_is_one_concept(store):
    start = threading.Barrier(8)

    def work(_):
        start.wait()
        return store.add(COST)

    with pool_of(8) as pool:
        assert len(set(pool.map(work, range(8)))) == 1
    assert store.all()[0].seen == 8


def test_an_empty_store_loads_neither_index_nor_model(folder, python):
    python(
        """
        import sys
        from pilotage.memory import ConceptStore
        with ConceptStore.open(sys.argv[1], embedder="hash") as store:
            assert store.is_empty() and store.search("x") == [] and store.recall("x").abstained
            store.warm()
        assert not {"chromadb", "torch", "sentence_transformers", "transformers"} & set(sys.modules)
        """,
        folder,
    )
    assert not (folder / "index").exists()


def test_importing_memory_is_light(python):
    python("import pilotage.memory, sys; assert not {'sqlalchemy', 'numpy', 'pydantic'} & set(sys.modules)")


def test_every_public_name_is_there_and_no_other():
    from pilotage import memory

    assert all(getattr(memory, name).__name__ == name for name in memory.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = memory.Nothing


def test_a_store_without_an_embedder_can_be_read_and_pruned_but_not_searched(folder):
    with ConceptStore.open(folder, embedder="hash") as store:
        id = store.add(COST)
    with ConceptStore.open(folder, embedder=None) as store:
        assert store.get(id).draft == COST
        with pytest.raises(EmbedderError, match="without an embedder"):
            store.search("cost")
        store.forget(id)
        assert store.is_empty()


def test_warming_is_waited_for_at_close(folder):
    with ConceptStore.open(folder, embedder="hash") as store:
        store.add(COST)
    with ConceptStore.open(folder, embedder="hash") as store:
        store.warm()
    assert "chromadb" in sys.modules
    assert not any(thread.name.startswith("memory-warm") for thread in threading.enumerate())


def test_a_temporary_store_leaves_nothing_behind():
    with ConceptStore.temporary() as store:
        id = store.add(COST)
        place = store._scratch.name
        assert store.search("cost")[0].concept.id == id
    with pytest.raises(FileNotFoundError):
        open(place)
