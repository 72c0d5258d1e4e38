"""vote and agree: how many draws they take, and that stopping early costs the vote nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.errors import PolicyError, SpecMismatch
from pilotage.navigator.evaluation import Protocol, evaluate
from pilotage.navigator.policies.rules.agreement import agreement
from pilotage.navigator.policies.rules.one_bit import one_bit
from pilotage.navigator.values.rollout import by_policy, rollout
from tests.navigator.banks import learnable_bank
from tests.navigator.draws import ACTIONS, OBSERVATIONS, drawn_bank, leader

A, B, C, NONE = "a", "b", "c", None


def outcomes(bank, name):
    policy = one_bit(ACTIONS, OBSERVATIONS) if name == "one-bit" else agreement(name, ACTIONS, OBSERVATIONS)
    arrays = BankArrays.of(bank)
    return rollout(arrays, by_policy(policy, arrays), strict=True).outcomes


def of_one(tmp_path_factory, name, programs, reasoning=(A, A, A)):
    bank = drawn_bank(tmp_path_factory.mktemp("b") / "b", {("t", "f"): (A, programs, reasoning)})
    found = outcomes(bank, name)
    return found.correct[0], round(1000 * found.cost[0])


@pytest.mark.parametrize(
    ("name", "programs", "right", "tokens"),
    [
        ("vote:3", (A, A, B, B, B), 1, 300),
        ("vote:3", (B, A, A), 1, 300),
        ("vote:3", (B, B, A), 0, 300),
        ("vote:2", (A, B), 1, 200),
        ("agree:2", (A, A, B), 1, 200),
        ("agree:2", (B, A, A), 1, 300),
        ("agree:2", (A, B, C, C, C), 1, 300),
        ("agree:2,5", (A, B, C, C, C), 0, 400),
        ("agree:2,5", (B, C, A, "d", "e", A), 0, 500),
        ("agree:3", (B, A, B, A, A), 1, 500),
        ("agree:3", (A, A, A, B), 1, 300),
    ],
)
def test_as_many_programs_are_drawn_as_the_name_says(tmp_path_factory, name, programs, right, tokens):
    assert of_one(tmp_path_factory, name, programs) == (right, tokens)


def test_where_the_program_gives_no_answer_reasoning_leads_and_is_drawn(tmp_path_factory):
    assert of_one(tmp_path_factory, "vote:3", (NONE, B, B), (B, A, A)) == (1, 100 + 3 * 300)
    assert of_one(tmp_path_factory, "agree:2", (NONE, B, B), (A, A, B)) == (1, 100 + 2 * 300)
    assert of_one(tmp_path_factory, "one-bit", (NONE, B, B), (A, A, B)) == (1, 100 + 300)


def test_a_failure_does_not_agree_with_another(tmp_path_factory):
    assert of_one(tmp_path_factory, "agree:2", (A, NONE, B)) == (1, 300)
    assert of_one(tmp_path_factory, "vote:3", (NONE,), (NONE, NONE, NONE)) == (0, 100 + 900 + 10)


DRAWS = st.lists(st.sampled_from([A, B, C, NONE]), min_size=5, max_size=5).map(tuple)


@given(st.lists(st.tuples(DRAWS, DRAWS), min_size=1, max_size=4))
def test_stopping_at_a_majority_answers_as_the_vote_does_and_never_costs_more(tmp_path_factory, tasks):
    made = {(f"t{n}", "f"): (A, *draws) for n, draws in enumerate(tasks)}
    bank = drawn_bank(tmp_path_factory.mktemp("b") / "b", made)
    for early, whole in (("agree:2", "vote:3"), ("agree:3", "vote:5")):
        first, second = outcomes(bank, early), outcomes(bank, whole)
        assert (first.correct == second.correct).all() and (first.cost <= second.cost + 1e-9).all()
    for (programs, _), right in zip(tasks, outcomes(bank, "vote:3").correct, strict=True):
        if programs[0] is not NONE:
            assert right == (leader(programs[:3])[0] == A)


def test_an_evaluation_knows_them_by_name(tmp_path):
    made = {(f"f{n % 2}/{n}", f"f{n % 2}"): (A, ((B, A, A), (A, A, B))[n % 2], (A,)) for n in range(12)}
    bank = drawn_bank(tmp_path / "b", made, depth=3)
    protocol = Protocol(folds=2, seeds=1, efforts=(), resamples=500)
    found = evaluate(bank, ["one-bit", "vote:3", "agree:2"], protocol, against=["vote:3"])
    assert [one.accuracy for one in found.policies] == [0.5, 1, 1]
    pair = found.comparison("agree:2", "vote:3")
    assert pair.difference == 0 and pair.cost_ratio == pytest.approx(250 / 300)
    assert found.policy("agree:2").uses == pytest.approx({"program": 1, "sample": 1.5, "answer": 1})


@pytest.mark.parametrize("name", ["vote:", "vote:1", "vote:2,3", "agree:x", "agree:1", "agree:3,2", "agree:2,3,4"])
def test_numbers_that_make_no_sense_are_refused(name):
    with pytest.raises(PolicyError, match=r"write vote:3 for three draws, agree:2 to stop"):
        agreement(name, ACTIONS, OBSERVATIONS)


def test_a_bank_without_draws_is_told(tmp_path):
    bank = learnable_bank(tmp_path / "b", tasks=6, depth=1)
    for name in ("vote:3", "agree:2"):
        with pytest.raises(SpecMismatch, match="which is not there"):
            evaluate(bank, [name], Protocol(folds=2, efforts=()))
