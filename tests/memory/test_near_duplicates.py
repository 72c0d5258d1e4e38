"""Near duplicates: many texts are compared with every stored one, few are looked up in the index, with one result."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory import near_duplicates
from memory.concept import Concept, ConceptDraft
from memory.near_duplicates import twins_within
from memory.store import ConceptStore

WORDS = "rotate the square matrix of given prices by a quarter turn and then add every second row to it".split()
TITLES = st.lists(st.sampled_from(WORDS), min_size=6, max_size=18).map(" ".join)


def drafts(titles):
    return [ConceptDraft(title=title) for title in titles]


def by(path, monkeypatch):
    """Makes `path`, the comparison or the index, the only way that is used."""
    monkeypatch.setattr(near_duplicates, "_MANY", 0 if path == "comparison" else 10**9)
    monkeypatch.setattr(near_duplicates, "_STORED_PER_TEXT", 10**9)
    monkeypatch.setattr(near_duplicates, "BLOCK", 4)


def new(titles):
    return [Concept(**dict(draft), id=f"new{n}", namespace="default") for n, draft in enumerate(drafts(titles))]


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TITLES, min_size=1, max_size=12), st.lists(TITLES, min_size=1, max_size=12), st.data())
def test_the_comparison_and_the_index_find_the_same(stored, asked, data):
    with ConceptStore.temporary() as store, pytest.MonkeyPatch.context() as monkeypatch:
        store.add_many(drafts(stored))
        for id in data.draw(st.sets(st.sampled_from([concept.id for concept in store.all()]), max_size=3)):
            store.forget(id)
        asked = [*asked, *(f"{title}." for title in stored)]
        made = store._vectors.embed(asked)
        found, said = {}, {}
        for path in ("comparison", "index"):
            by(path, monkeypatch)
            found[path] = store._editor._near._near(made)
            said[path] = store._editor._near.stored(new(asked), made)
        for one, other in zip(found["comparison"], found["index"], strict=True):
            assert [near.similarity for near in one] == pytest.approx([near.similarity for near in other], abs=1e-5)
            if len({round(near.similarity, 4) for near in one}) == len(one) < 3:
                assert [near.id for near in one] == [near.id for near in other]
        assert [id is None for id in said["comparison"]] == [id is None for id in said["index"]]


@pytest.mark.parametrize("path", ["comparison", "index"])
def test_what_is_retired_revised_or_another_tenants_is_no_duplicate(store, folder, path, monkeypatch):
    by(path, monkeypatch)
    titles = ["Count the vowels of a word", "Rotate a matrix by a quarter turn", "Sum the prices of all goods"]
    kept, retired, revised = store.add_many(drafts(titles))
    store.forget(retired)
    store.revise(revised, {"title": "Colour the regions of a map"})
    with ConceptStore.open(folder, embedder="hash", namespace="theirs") as theirs:
        theirs.add(ConceptDraft(title="Find the shortest way through a maze"))
    asked = [f"{title}." for title in [*titles, "Colour the regions of a map", "Find the shortest way through a maze"]]
    found = store._editor._near.stored(new(asked), store._vectors.embed(asked))
    assert found == [kept, None, None, revised, None]


def test_a_large_batch_is_merged_with_what_is_stored_and_within_itself_without_the_index(folder):
    titles = [f"Task{n} about {word}" for n in range(10) for word in ("apples", "bridges", "candles", "dragons")]
    with ConceptStore.open(folder, embedder="hash") as store:
        first = store.add_many(drafts(titles))
        again = store.add_many(drafts([f"{title}." for title in titles] + [f"{title}!" for title in titles]))
        assert again == first + first
        assert [concept.seen for concept in store.all()] == [3] * 40
        assert store._vectors._view is None
        store.add(ConceptDraft(title="One more"))
        assert store._vectors._view is not None


def test_an_empty_batch_and_a_first_one_find_nothing(store):
    assert store._editor._near.stored([], np.empty((0, 256), dtype=np.float32)) == []
    assert store.add_many([]) == []
    assert len(set(store.add_many(drafts(f"Method{n}" for n in range(100))))) == 100


def test_of_a_chain_of_repeats_all_go_to_the_first():
    titles = [
        "Count the vowels of a word",
        "Rotate a matrix",
        "Count the vowels of a word.",
        "count the vowels of a word!",
    ]
    with ConceptStore.temporary() as store:
        made = store._vectors.embed(titles)
    assert twins_within(new(titles), made) == [None, None, 0, 0]
    assert twins_within(new(titles[:1]), made[:1]) == [None]
