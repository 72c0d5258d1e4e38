import itertools

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pilotage.memory.concept import ConceptDraft
from pilotage.memory.errors import InvalidConcept, StaleConcept, UnknownConcept
from pilotage.memory.store import ConceptStore
from tests.memory.conftest import COST, GRID, SPELL

NUMBERS = itertools.count(100)


@pytest.fixture(scope="module")
def shared():
    with ConceptStore.temporary(embedder="hash") as store:
        yield store


def state(store):
    return {concept.id: concept for concept in store.all(retired=True)}


def test_a_merge_adds_outcomes_up_and_retires_the_others_with_a_pointer(store):
    keep, cost, grid = store.add_many([SPELL, COST, GRID])
    store.record_outcome([keep, cost], "helped")
    store.record_outcome([cost, grid], "harmed")
    merged = store.merge(keep, [cost, grid], run="m")
    assert (merged.outcomes.helped, merged.outcomes.harmed, merged.seen) == (2, 2, 3)
    assert set(merged.cues) == {*SPELL.cues, *COST.cues, *GRID.cues}
    assert merged.implementation == SPELL.implementation
    assert {store.get(id).replaced_by for id in (cost, grid)} == {keep}
    assert store.count() == 1 and store.get(keep) == merged
    assert [hit.concept.id for hit in store.search(COST.cues[0])] == [keep]


def test_what_repeats_a_merged_concept_counts_for_the_one_that_stays(store):
    keep, gone = store.add_many([SPELL, COST])
    store.merge(keep, [gone])
    assert store.add(COST) == keep
    assert store.get(keep).seen == 3 and store.get(gone).status == "retired"


def test_a_restored_concept_speaks_for_itself_again(store):
    keep, gone = store.add_many([SPELL, COST])
    store.merge(keep, [gone])
    store.restore(gone)
    assert store.get(gone).replaced_by == "" and store.add(COST) == gone


def test_a_merge_can_be_undone_as_a_run(store):
    keep, gone = store.add_many([SPELL, COST])
    store.record_outcome([gone], "helped")
    before = [store.get(id).model_dump(exclude={"version"}) for id in (keep, gone)]
    store.merge(keep, [gone], run="m")
    store.undo_run("m")
    assert [store.get(id).model_dump(exclude={"version"}) for id in (keep, gone)] == before
    assert {hit.concept.id for hit in store.search(COST.title)} == {keep, gone}


def test_given_content_is_taken_as_it_is(store):
    keep, gone = store.add_many([SPELL, COST])
    merged = store.merge(keep, [gone], {"title": "Both", "cues": ("anything of the two",)})
    assert (merged.title, merged.cues, merged.version) == ("Both", ("anything of the two",), 2)


def test_bad_merges_say_why_and_change_nothing(store):
    keep, other, third = store.add_many([SPELL, COST, GRID])
    store.merge(keep, [other])
    before = state(store)
    with pytest.raises(UnknownConcept):
        store.merge(keep, [third, "nobody"])
    with pytest.raises(InvalidConcept, match="into itself"):
        store.merge(keep, [third, keep])
    with pytest.raises(InvalidConcept, match="title"):
        store.merge(keep, [third], {"title": ""})
    with pytest.raises(StaleConcept, match="retired"):
        store.merge(other, [third])
    with pytest.raises(StaleConcept, match=f"was merged into '{keep}'"):
        store.merge(third, [other])
    with pytest.raises(StaleConcept, match="exactly this already"):
        store.merge(keep, [third], COST.model_dump())
    assert state(store) == before


@settings(max_examples=15, phases=[Phase.reuse, Phase.generate])
@given(
    st.lists(st.sampled_from(["helped", "harmed", "recalled", ""]), min_size=2, max_size=5),
    st.lists(st.text("abcdefg ", min_size=1, max_size=12), max_size=4),
    st.one_of(st.none(), st.builds(lambda text: {"description": text}, st.text("xyz ", max_size=9))),
    st.randoms(use_true_random=False),
)
def test_merging_again_changes_nothing(shared, outcomes, cues, changes, random):
    ids = []
    for outcome in outcomes:
        title = f"Concept {next(NUMBERS)}"
        draft = ConceptDraft(title=title, cues=tuple(cues), implementation=(f"{title} step",))
        ids.append(shared.add(draft, status=random.choice(["provisional", "trusted"])))
        if outcome:
            shared.record_outcome([ids[-1]], outcome)
    keep, *others = ids
    first = shared.merge(keep, others, changes)
    events = len(shared.history(keep))
    again = shared.merge(keep, random.sample(others, len(others)), changes)
    assert again == first == shared.get(keep) and len(shared.history(keep)) == events
    assert shared.merge(keep, others[:1], changes) == first
    assert first.seen == len(ids)
    counted = first.outcomes.helped + first.outcomes.harmed + first.outcomes.recalled
    assert counted == len(list(filter(None, outcomes)))
