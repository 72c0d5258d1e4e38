import numpy as np
import pytest

from pilotage.memory.concept import Concept, ConceptDraft, Outcomes, Parameter
from pilotage.memory.search.recall import Hit, diversify, fuse, weigh
from tests.memory.conftest import COST, GRID, SPELL


def hit(id, score=0.5, status="trusted", **outcomes):
    return Hit(Concept(id=id, namespace="n", title=id, status=status, outcomes=Outcomes(**outcomes)), 0.5, score)


def test_fusion_prefers_what_both_rankings_know():
    scores = fuse(["a", "b", "c"], ["b", "d"])
    assert max(scores, key=scores.get) == "b"
    assert fuse(["a"], ["a"])["a"] == pytest.approx(1.0)
    assert fuse([], []) == {}


def test_outcomes_move_the_score_both_ways():
    assert weigh(hit("new")).score == 0.5
    assert weigh(hit("untried", status="provisional")).score < 0.5
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


def test_recall_passes_over_what_was_shown_and_names_the_rest(store):
    drafts = [
        ConceptDraft(title=f"Rotate a matrix {way}", cues=("a matrix is rotated",), implementation=(f"{way} it",))
        for way in ("by rows", "by columns", "by transposing", "by index")
    ]
    ids = set(store.add_many(drafts))
    first = store.recall("a matrix is rotated", 2)
    assert len(first.ids) == 2 and {hit.concept.id for hit in first.related} == ids - set(first.ids)
    again = store.recall("a matrix is rotated", 2, exclude=first.ids)
    assert set(again.ids) == ids - set(first.ids) and again.related == ()
    assert store.recall("a matrix is rotated", 2, exclude=ids).abstained


def test_a_definition_of_a_type_is_found_by_reference_and_never_recalled(store):
    (type_id,) = store.add_many([ConceptDraft(kind="type", title="Matrix", description="a matrix is rotated rows")])
    typed = GRID.model_copy(update={"parameters": (Parameter(name="m", typing="list[Matrix]"),)})
    id = store.add(typed)
    assert store.recall("a matrix is rotated").ids == (id,)
    assert [one.id for one in store.types_of([typed])] == [type_id]
    assert store.types_of([COST]) == []


def test_other_words_find_it_by_the_keywords_of_its_task(store):
    draft = SPELL.model_copy(update={"keywords": ("backwards", "letters", "sentence", "spell", "words")})
    id = store.add(draft)
    assert store.recall("Spell the letters of all the words backwards.").ids == (id,)


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
