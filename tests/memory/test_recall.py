import numpy as np
import pytest

from memory.concept import Concept, ConceptDraft, Outcomes
from memory.recall import Hit, diversify, fuse, weigh
from tests.memory.conftest import COST, GRID, SPELL


def hit(id, score=0.5, **outcomes):
    return Hit(Concept(id=id, namespace="n", title=id, outcomes=Outcomes(**outcomes)), 0.5, score)


def test_fusion_prefers_what_both_rankings_know():
    scores = fuse(["a", "b", "c"], ["b", "d"])
    assert max(scores, key=scores.get) == "b"
    assert fuse(["a"], ["a"])["a"] == pytest.approx(1.0)
    assert fuse([], []) == {}


def test_outcomes_move_the_score_both_ways():
    assert weigh(hit("new")).score == 0.5
    assert weigh(hit("good", helped=5)).score > 0.5 > weigh(hit("bad", harmed=5)).score


def test_diversity_takes_a_different_concept_before_a_second_like_the_first():
    vectors = {
        "first": np.array([1, 0], dtype=np.float32),
        "twin": np.array([1, 0], dtype=np.float32),
        "other": np.array([0, 1], dtype=np.float32),
    }
    picked = diversify([hit("first", 1.0), hit("twin", 0.9), hit("other", 0.7)], vectors, 2)
    assert [one.concept.id for one in picked] == ["first", "other"]


def test_recall_abstains_when_nothing_is_near(store):
    store.add_many([COST, SPELL, GRID])
    nothing = store.recall("who wrote this novel about whales?")
    assert nothing.abstained and nothing.hits == () and nothing.ids == ()
    assert store.recall("rotate a square matrix", floor=1.0).abstained


def test_recall_gives_the_related_concept_and_not_the_rest(store):
    ids = store.add_many([COST, SPELL, GRID])
    found = store.recall("a square matrix has to be rotated")
    assert found.ids == (ids[2],)
    assert -1 <= found.hits[0].similarity <= 1
    assert not found.abstained


def test_recall_ranks_what_helped_over_what_harmed(store):
    draft = ConceptDraft(title="Rotate a matrix by zip", cues=("rotate a matrix",), implementation=("zip(*m[::-1])",))
    good, bad = store.add_many([draft, draft.model_copy(update={"implementation": ("reverse each row",)})])
    for _ in range(4):
        store.record_outcome([good], "helped")
        store.record_outcome([bad], "harmed")
    assert store.recall("rotate a matrix").ids[0] == good
    for _ in range(9):
        store.record_outcome([good], "harmed")
        store.record_outcome([bad], "helped")
    assert store.recall("rotate a matrix").ids[0] == bad
