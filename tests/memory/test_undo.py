"""Undo takes back any event, or a run, and leaves what nobody asked to take back."""

import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.memory.concept import ConceptDraft
from pilotage.memory.embedders.embedder import HashEmbedder
from pilotage.memory.errors import ConceptStoreError, EmbedderError, StaleConcept, UnknownEvent
from pilotage.memory.search.keywords import drift
from pilotage.memory.store import ConceptStore
from tests.memory.conftest import COST, GRID, SPELL

VOWELS = {"title": "Count vowels", "cues": ["how many vowels a word has"]}


def last(store):
    return store.events(1)[0].seq


def found(store, query):
    return [hit.concept.id for hit in store.search(query)]


def test_undoing_a_revision_brings_back_text_vector_and_words(store):
    id = store.add(COST)
    store.add(GRID)
    before = store.search("total cost of a purchase")[0]
    store.revise(id, VOWELS)
    (event,) = store.undo(last(store), actor="anna", cause="was better")
    assert (event.action, event.actor, event.cause, event.undoes) == ("undone", "anna", "was better", event.seq - 1)
    after = store.search("total cost of a purchase")[0]
    assert (after.concept.id, after.concept.draft, after.similarity) == (id, COST, pytest.approx(before.similarity))
    assert store.get(id).version == 3
    assert [event.action for event in store.history(id)] == ["added", "revised", "undone"]


def test_a_concept_whose_adding_is_undone_counts_as_never_added(store):
    kept = store.add(GRID)
    id = store.add(COST)
    store.undo(last(store))
    assert [concept.id for concept in store.all(retired=True)] == [kept]
    assert found(store, "total cost of a purchase") == [kept]
    assert store.get(id).status == "retired" and len(store.history(id)) == 2
    again = store.add(COST)
    assert again != id and store.get(again).seen == 1
    with pytest.raises(StaleConcept, match=again):
        store.undo(store.history(id)[-1].seq)
    with pytest.raises(StaleConcept, match="says exactly"):
        store.restore(id)
    store.undo(last(store))
    store.undo(store.history(id)[-1].seq)
    assert found(store, "total cost of a purchase")[0] == id


@pytest.mark.parametrize(
    ("act", "action"),
    [
        (lambda store, id, other: store.revise(id, VOWELS), "revised"),
        (lambda store, id, other: store.add(COST), "merged"),
        (lambda store, id, other: store.forget(id), "retired"),
        (lambda store, id, other: store.record_outcome([id], "helped"), "outcome"),
        (lambda store, id, other: store.record_outcome([id], "harmed"), "outcome"),
        (lambda store, id, other: (store.forget(id), store.restore(id)), "restored"),
        (lambda store, id, other: store.undo(store.history(id)[0].seq), "undone"),
    ],
)
def test_every_action_can_be_undone_and_redone(store, act, action):
    id, other = store.add_many([COST, GRID])
    act(store, id, other)
    history = store.history(id)
    assert history[-1].action == action
    done = view(store)
    (undone,) = store.undo(history[-1].seq)
    assert view_of(store.all(retired=True)) == view_of(store.at(history[-1].seq - 1, retired=True))
    store.undo(undone.seq)
    assert view(store) == done
    with pytest.raises(StaleConcept, match=f"event {undone.seq} was undone already, by event {undone.seq + 1}"):
        store.undo(undone.seq)


def test_counts_of_other_runs_stay_when_one_is_undone(store):
    id = store.add(COST)
    store.record_outcome([id], "recalled", run="a")
    store.record_outcome([id], "recalled", run="b")
    store.record_outcome([id], "helped", run="b")
    store.add(COST, run="a")
    store.undo_run("a")
    concept = store.get(id)
    assert (concept.outcomes.recalled, concept.outcomes.helped, concept.seen) == (1, 1, 1)
    assert concept.status == "trusted"


def test_an_edit_that_a_later_one_depends_on_stays_and_the_later_one_is_named(store):
    id = store.add(COST)
    store.revise(id, {"title": "First title"})
    first = last(store)
    store.revise(id, {"description": "Another field"})
    store.undo(first)
    assert (store.get(id).title, store.get(id).description) == (COST.title, "Another field")
    store.revise(id, {"title": "Second title"})
    second = last(store)
    store.revise(id, {"title": "Third title"})
    before = store.get(id)
    with pytest.raises(StaleConcept, match=rf"event {second} \(revised\) .*: event {last(store)} \(revised\)"):
        store.undo(second)
    with pytest.raises(StaleConcept, match=rf"event {store.history(id)[0].seq} \(added\)"):
        store.undo(store.history(id)[0].seq)
    assert store.get(id) == before


def test_a_run_is_undone_as_a_whole_and_can_be_brought_back(store):
    kept = store.add(GRID)
    new = store.add(COST, run="r1")
    store.revise(kept, {"title": "Turn a matrix"}, run="r1")
    store.revise(kept, {"title": "Turn a square matrix"}, run="r1")
    store.forget(new, run="r1")
    events = store.undo_run("r1", actor="anna")
    assert [event.undoes for event in events] == [event.seq for event in reversed(store.events(run="r1"))]
    assert {event.run for event in events} == {"undo:r1"}
    assert store.get(kept).title == GRID.title
    assert [concept.id for concept in store.all(retired=True)] == [kept]
    with pytest.raises(StaleConcept, match="undone already.*'undo:r1'"):
        store.undo_run("r1")
    store.undo_run("undo:r1")
    assert store.get(kept).title == "Turn a square matrix"
    assert [concept.id for concept in store.all(retired=True)] == [kept, new]
    store.undo_run("r1")
    assert store.get(kept).title == GRID.title


def test_a_run_that_a_later_edit_depends_on_is_undone_not_even_in_part(store):
    first, second = store.add(COST, run="r1"), store.add(GRID, run="r1")
    store.revise(first, VOWELS)
    before = view(store), store.events(None)
    with pytest.raises(StaleConcept, match=rf"event {last(store)} \(revised\)"):
        store.undo_run("r1")
    assert (view(store), store.events(None)) == before
    assert store.search("rotate a matrix")[0].concept.id == second


def test_what_is_not_there_cannot_be_undone(store, folder):
    store.add(COST)
    for act in (lambda: store.undo(99), lambda: store.undo_run("nobody"), lambda: store.undo_run("")):
        with pytest.raises(UnknownEvent, match="no event .* in namespace 'default'"):
            act()
    with ConceptStore.open(folder, embedder="hash", namespace="other") as other:
        with pytest.raises(UnknownEvent, match="no event 1 in namespace 'other'"):
            other.undo(1)


def test_without_an_embedder_only_what_changes_no_text_can_be_undone(store, folder):
    id = store.add(COST)
    store.revise(id, VOWELS)
    store.forget(id)
    with ConceptStore.open(folder, embedder=None) as other:
        other.undo(last(store))
        assert other.get(id).status == "provisional"
        with pytest.raises(EmbedderError):
            other.undo(store.history(id)[1].seq)
    assert store.get(id).title == "Count vowels"


def test_merged_concepts_come_apart_again(store):
    ids = store.add_many([COST, GRID, SPELL])
    store.record_outcome(ids, "helped")
    before = view(store)
    store.merge(ids[0], ids[1:], run="tidy")
    assert store.count() == 1 and store.get(ids[0]).outcomes.helped == 3
    store.undo_run("tidy")
    assert view(store) == before
    assert found(store, "rotate a square matrix clockwise")[0] == ids[1]


def test_what_a_concept_says_on_the_way_back_may_be_what_another_one_says(store):
    """A run that took back something of its own is undone by another way than it came."""
    first = store.add(COST, run="r")
    store.revise(first, SPELL.model_dump(), run="r")
    renamed = last(store)
    store.add(COST, run="r")
    store.revise(first, {"description": "one way"}, run="r")
    store.undo(renamed, run="r")
    before = view(store)
    store.undo_run("r")  # without its description the first one says for a moment what the second one says
    assert store.all(retired=True) == []
    store.undo_run("undo:r")
    assert view(store) == before and no_drift(store)


# --- any sequence of edits


POOL = [
    COST,
    SPELL,
    GRID,
    ConceptDraft(title="Count vowels", cues=("how many vowels a word has",)),
    COST.model_copy(update={"title": COST.title + "."}),  # nearly the first one
]
QUERIES = ("total cost of a purchase", "rotate a matrix", "letters of each word", "count vowels")

place = st.integers(0, 5)
operations = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, len(POOL) - 1)),
        st.tuples(st.just("revise"), place, st.integers(0, len(POOL) - 1)),
        st.tuples(st.just("describe"), place, st.sampled_from(["one way", "another way"])),
        st.tuples(st.sampled_from(["forget", "restore"]), place),
        st.tuples(st.just("outcome"), place, st.sampled_from(["recalled", "helped", "harmed"])),
        st.tuples(st.just("merge"), place, place),
        st.tuples(st.just("undo"), st.integers(0, 30)),
    ),
    min_size=1,
    max_size=12,
)


def do(store, ids, operation, run=""):
    """One operation; a refused one must change nothing."""
    before = store.events(None)
    name, *arguments = operation
    try:
        if name == "add":
            id = store.add(POOL[arguments[0]], run=run)
            if id not in ids:
                ids.append(id)
        elif name == "undo":
            if before:
                store.undo(before[arguments[0] % len(before)].seq, run=run)
        elif ids:
            id = ids[arguments[0] % len(ids)]
            if name == "revise":
                store.revise(id, POOL[arguments[1]].model_dump(), run=run)
            elif name == "describe":
                store.revise(id, {"description": arguments[1]}, run=run)
            elif name == "outcome":
                store.record_outcome([id], arguments[1], run=run)
            elif name == "merge":
                store.merge(id, [ids[arguments[1] % len(ids)]], run=run)
            else:
                getattr(store, name)(id, run=run)
    except ConceptStoreError:
        assert store.events(None) == before


def view_of(concepts):
    """Concepts without their version, which never goes back."""
    return {concept.id: concept.model_dump(exclude={"version"}) for concept in concepts}


def view(store):
    """All that undo must restore: the rows, and what searches find."""
    hits = {
        query: {hit.concept.id: round(hit.similarity, 4) for hit in store.search(query, limit=20)} for query in QUERIES
    }
    return view_of(store.all(retired=True)), hits


@contextmanager
def plain_store():
    """A store without Chroma, which is quick to open."""
    with tempfile.TemporaryDirectory(prefix="pilotage-undo-") as folder:
        with ConceptStore.open(f"sqlite:///{Path(folder) / 'ledger.sqlite'}", embedder=HashEmbedder(64)) as store:
            yield store


def no_drift(store):
    with store._ledger.read() as connection:
        difference = drift(connection)
    return not difference.missing and not difference.surplus


few = settings(max_examples=25)


@few
@given(operations, st.integers(0, 12))
def test_undoing_the_last_events_in_reverse_restores_rows_and_searches(steps, kept):
    with plain_store() as store:
        ids = []
        for step in steps[:kept]:
            do(store, ids, step)
        before, cut = view(store), len(store.events(None))
        for step in steps[kept:]:
            do(store, ids, step)
        for event in reversed(store.events(None)[cut:]):
            store.undo(event.seq)
        assert view(store) == before
        assert no_drift(store)


@few
@given(operations, operations)
def test_undoing_a_run_restores_what_was_and_undoing_that_brings_it_back(earlier, steps):
    with plain_store() as store:
        ids = []
        for step in earlier:
            do(store, ids, step)
        before = view(store)
        for step in steps:
            do(store, ids, step, run="r")
        after = view(store)
        if store.events(run="r"):
            try:
                store.undo_run("r")
            except StaleConcept as error:  # the run itself has taken back all that it did
                assert "undone already" in str(error) and after == before
                return
            assert view(store) == before
            store.undo_run("undo:r")
            assert view(store) == after
            assert no_drift(store)


@few
@given(operations)
def test_every_earlier_moment_can_be_seen_as_it_was(steps):
    with plain_store() as store:
        ids, moments = [], [(0, [], [])]
        for step in steps:
            do(store, ids, step)
            events = store.events(1)
            moments.append((events[0].seq if events else 0, store.all(), store.all(retired=True)))
        for seq, active, everything in moments:
            assert store.at(seq) == active
            assert store.at(seq, retired=True) == everything
