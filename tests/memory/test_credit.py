"""Outcome counters: from evidence, once a run, taken back with it; and what they say of the memory's worth."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.memory import ConceptStore
from pilotage.memory.concept import MOST_COUNTED, Outcomes
from pilotage.memory.edits.credit import OUTCOMES, Uplift
from pilotage.memory.edits.events import record
from pilotage.memory.edits.prune import PruneRule, probability_of_harm
from pilotage.memory.errors import InvalidConcept, UnknownConcept
from pilotage.memory.ledger.ledger import By
from tests.memory.conftest import COST, GRID, SPELL

SOLVED = ("recalled", "recalled_solved", "followed", "helped")


def test_a_run_counts_once_however_often_it_is_recorded(store):
    id, other = store.add_many([COST, SPELL])
    counts = {id: SOLVED, other: ["recalled"]}
    assert store.record_outcomes(counts, run="r1", cause="t1")
    assert not store.record_outcomes(counts, run="r1", cause="t1")
    assert store.record_outcomes(counts, run="r2")
    assert store.get(id).outcomes == Outcomes(recalled=2, recalled_solved=2, followed=2, helped=2)
    assert store.get(other).outcomes == Outcomes(recalled=2)
    assert [(e.run, e.body["outcomes"]) for e in store.history(id) if e.action == "outcome"][0] == ("r1", list(SOLVED))


def test_outcomes_are_one_transaction(store):
    id = store.add(COST)
    with pytest.raises(UnknownConcept, match="'gone'"):
        store.record_outcomes({id: ["recalled"], "gone": ["recalled"]}, run="r1")
    with pytest.raises(InvalidConcept, match="no outcome 'cheered': use recalled"):
        store.record_outcomes({id: ["recalled", "cheered"]}, run="r1")
    assert store.get(id).outcomes == Outcomes()
    assert store.record_outcomes({id: ["recalled"]}, run="r1")


def test_a_run_that_was_undone_counts_again(store):
    id = store.add(COST)
    store.record_outcomes({id: SOLVED}, run="r1")
    store.undo_run("r1")
    assert store.get(id).outcomes == Outcomes()
    assert store.credit().memory.shown == 0
    assert store.record_outcomes({id: SOLVED}, run="r1")
    assert not store.record_outcomes({id: SOLVED}, run="r1")
    assert store.get(id).outcomes.helped == 1
    assert store.credit().memory == Uplift(1, 1, 0, 0)


def test_helping_earns_trust_and_undoing_it_takes_the_trust_back(store):
    id = store.add(COST)
    store.record_outcomes({id: SOLVED}, run="r1")
    assert store.get(id).status == "trusted"
    store.undo_run("r1")
    assert store.get(id).status == "provisional"


def test_the_uplift_of_the_memory_counts_a_run_once_and_that_of_a_concept_its_own(store):
    id, other = store.add_many([COST, SPELL])
    for run in range(3):
        store.record_outcomes({id: SOLVED, other: ("recalled", "recalled_solved")}, run=f"shown{run}")
    store.record_outcomes({id: ("withheld", "withheld_solved")}, run="out0")
    store.record_outcomes({id: ("withheld",)}, run="out1")
    report = store.credit()
    assert report.memory == Uplift(3, 3, 2, 1)
    assert report.memory.estimate == 0.5
    low, high = report.memory.interval_95
    assert -0.2 < low < 0.5 < high <= 1
    assert Uplift.of(store.get(id).outcomes).estimate == 0.5
    assert Uplift.of(store.get(other).outcomes).estimate is None
    told = report.to_json()
    assert told["memory"]["shown"] == 3
    assert {one["id"]: one["posterior"] for one in told["concepts"]} == {id: 0.8, other: 0.5}


def test_the_interval_is_newcombes():
    """Example (a) of Newcombe 1998, table II: 56/70 against 48/80, method 10."""
    low, high = Uplift(70, 56, 80, 48).interval_95
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)


@given(*[st.integers(0, 40)] * 4)
def test_an_interval_holds_its_estimate_and_stays_in_range(shown, solved, withheld, solved_without):
    uplift = Uplift(shown, min(shown, solved), withheld, min(withheld, solved_without))
    low, high = uplift.interval_95
    assert -1 <= low <= high <= 1
    if uplift.estimate is not None:
        assert low - 1e-12 <= uplift.estimate <= high + 1e-12


@given(st.integers(0, 30), st.integers(0, 30))
def test_the_probability_of_harm_mirrors_that_of_help_and_grows_with_harm(helped, harmed):
    harm = probability_of_harm(Outcomes(helped=helped, harmed=harmed))
    help = probability_of_harm(Outcomes(helped=harmed, harmed=helped))
    assert harm + help == pytest.approx(1)
    assert probability_of_harm(Outcomes(helped=helped, harmed=harmed + 1)) > harm


@pytest.mark.parametrize(
    ("outcomes", "reason"),
    [
        (Outcomes(recalled=3, followed=3, harmed=3), "harms: 3 times, helped 0 times"),
        (Outcomes(recalled=2, followed=2, harmed=2), None),
        (Outcomes(recalled=6, followed=6, harmed=5, helped=1), "harms: 5 times, helped 1 times"),
        (Outcomes(recalled=8, followed=8, harmed=4, helped=4), None),
        (Outcomes(recalled=20, followed=2), "never helps: recalled 20 times, followed 2 times"),
        (Outcomes(recalled=19), None),
        (Outcomes(recalled=20, helped=1), None),
        (Outcomes(recalled=20, recalled_solved=2, helped=2, withheld=20, withheld_solved=18), "uplift -80%"),
        (Outcomes(withheld=100, withheld_solved=100), None),
        (Outcomes(), None),
    ],
)
def test_a_concept_goes_for_harm_or_for_never_helping_with_enough_evidence(outcomes, reason):
    found = PruneRule().reason(outcomes)
    assert (found is None) if reason is None else (reason in found)


def test_pruning_is_one_run_that_can_be_tried_first_and_undone(store):
    bad, idle, good = store.add_many([COST, SPELL, GRID])
    for run in range(3):
        store.record_outcomes({bad: ("recalled", "followed", "harmed"), good: SOLVED}, run=f"r{run}")
    for run in range(20):
        store.record_outcomes({idle: ("recalled",)}, run=f"i{run}")
    assert [concept.id for concept in store.prune(dry_run=True)] == [bad, idle]
    assert store.count() == 3
    gone = store.prune(run="spring-clean")
    assert {concept.id for concept in gone} == {bad, idle}
    assert [concept.id for concept in store.all()] == [good]
    assert store.history(bad)[-1].cause == "harms: 3 times, helped 0 times"
    assert {hit.concept.id for hit in store.search("total cost of prices and quantities")} == {good}
    assert store.prune() == []
    store.undo_run("spring-clean")
    assert {concept.id for concept in store.all()} == {bad, idle, good}
    assert store.search("prices and quantities are given and the total cost is asked")[0].concept.id == bad


def test_what_an_unknown_rule_asks_is_a_sentence():
    with pytest.raises(ValueError, match="between 0.5 and 1"):
        PruneRule(certainty=0.4)
    with pytest.raises(ValueError, match="at least 1"):
        PruneRule(idle=0)


def test_namespaces_have_their_own_credit(folder):
    with ConceptStore.open(folder, embedder="hash", namespace="a") as a:
        id = a.add(COST)
        a.record_outcomes({id: SOLVED}, run="r")
        with ConceptStore.open(folder, embedder="hash", namespace="b") as b:
            assert b.credit().concepts == () and b.credit().memory.shown == 0
            theirs = b.add(COST)
            assert b.record_outcomes({theirs: SOLVED}, run="r")
        assert a.credit().memory.shown == 1


def test_every_counter_can_be_recorded_alone(store):
    id = store.add(COST)
    for name in OUTCOMES:
        store.record_outcome([id], name)
    assert store.get(id).outcomes.model_dump() == dict.fromkeys(OUTCOMES, 1)


def exact_probability(helped, harmed):
    n = helped + harmed + 1
    return sum(math.comb(n, heads) for heads in range(harmed + 1)) / 2**n


@pytest.mark.parametrize(("helped", "harmed"), [(0, 0), (1, 5), (0, 3), (500, 499), (499, 501), (620, 700), (1023, 0)])
def test_the_probability_of_harm_is_exact_or_nearly_so(helped, harmed):
    counted = probability_of_harm(Outcomes(helped=helped, harmed=harmed))
    assert counted == pytest.approx(exact_probability(helped, harmed), abs=1e-6)


@given(st.integers(0, 2**62), st.integers(0, 2**62))
@settings(deadline=None)
def test_no_counter_is_too_large_for_it(helped, harmed):
    one = probability_of_harm(Outcomes(helped=helped, harmed=harmed))
    other = probability_of_harm(Outcomes(helped=harmed, harmed=helped))
    assert one + other == pytest.approx(1, abs=1e-6)
    assert probability_of_harm(Outcomes(helped=helped, harmed=harmed + 1 + harmed // 100)) >= one - 1e-9


def test_pruning_survives_any_counters_that_a_ledger_may_hold(store):
    id, other = store.add_many([COST, SPELL])
    huge = Outcomes(recalled=2**62, recalled_solved=2**62, helped=2**62, harmed=2**61)
    odd = Outcomes(recalled=1, recalled_solved=5, withheld=2, withheld_solved=9, helped=1023)
    with store._ledger.write() as connection:
        for concept, outcomes in zip(map(store.get, (id, other)), (huge, odd), strict=True):
            record(store._space, connection, "outcome", [concept.model_copy(update={"outcomes": outcomes})], By())
    assert store.prune() == []
    assert store.credit().concepts[1].id == other


def test_counters_stop_where_nobody_could_count_on(store):
    most = Outcomes(**dict.fromkeys(Outcomes.model_fields, MOST_COUNTED))
    assert most + most == most and most.counted(["helped"]) == most


def test_what_was_counted_to_the_end_is_imported_again(store, tmp_path):
    id, file = store.add(COST), tmp_path / "m.jsonl"
    with store._ledger.write() as connection:
        often = store.get(id).model_copy(update={"seen": MOST_COUNTED - 1})
        record(store._space, connection, "merged", [often], By())
    assert store.add(COST, run="once more") == id
    store.undo_run("once more")
    store.add(COST)
    store.undo_run("undo:once more")  # it counts again
    assert store.get(id).seen == MOST_COUNTED
    store.export(file)
    with ConceptStore.temporary() as other:
        assert other.import_(file).added == 1


def test_nonsense_is_refused_also_where_there_is_nothing_to_count(store):
    id = store.add(COST)
    for act in (
        lambda: store.record_outcome([], "nonsense"),
        lambda: store.record_outcome([id], ["helped"]),
        lambda: store.record_outcomes({id: ["helped", "nonsense"]}),
        lambda: store.record_outcomes({id: "helped"}),
    ):
        with pytest.raises(InvalidConcept, match="there is no outcome"):
            act()
    for act in (lambda: store.record_outcomes({"gone": []}), lambda: store.record_outcome(["gone"], "helped")):
        with pytest.raises(UnknownConcept, match="'gone'"):
            act()
    store.record_outcome([], "helped")
    assert store.get(id).outcomes == Outcomes()
