import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.errors import SpecMismatch
from pilotage.navigator.evaluation.candidates import sequence
from pilotage.navigator.policies.frequency_matched import FrequencyMatchedPolicy
from pilotage.navigator.policies.policy import Decision, RandomPolicy
from pilotage.navigator.values.exact import exact_values
from pilotage.navigator.values.rollout import by_policy, by_probabilities, one_hot, rollout
from pilotage.navigator.values.sequences import fixed_sequence
from tests.navigator.banks import (
    ACTIONS,
    BLOCKS,
    OBSERVATIONS,
    by_recursion,
    decisions,
    learnable_bank,
    node,
    random_bank,
    write_bank,
)
from tests.navigator.policies import network


@pytest.fixture(scope="module")
def forests(tmp_path_factory):
    """Forests of random trees by number: some actions missing, several samples, runs that end by themselves."""
    root = tmp_path_factory.mktemp("banks")
    made = [BankArrays.of(random_bank(root / str(seed), seed=seed, tasks=5)) for seed in range(6)]
    return lambda number: made[number]


def same(first, second):
    for name in ("correct", "cost", "blocks"):
        assert np.allclose(getattr(first, name), getattr(second, name), equal_nan=True), name


@settings(max_examples=40)
@given(st.integers(0, 5), st.lists(st.sampled_from(BLOCKS), max_size=3, unique=True))
def test_a_strict_walk_of_a_sequence_is_the_known_outcome_of_that_sequence(forests, number, blocks):
    """Of different blocks: which of two equal ones was left out cannot be read off counts, as `FixedPolicy` must."""
    arrays = forests(number)
    found = rollout(arrays, by_policy(sequence(blocks, ACTIONS, OBSERVATIONS), arrays), strict=True)
    same(found.outcomes, fixed_sequence(arrays, blocks).outcomes)


@settings(max_examples=20)
@given(st.integers(0, 5), st.integers(0, 50))
def test_a_walk_ends_where_following_every_state_ends(forests, number, seed):
    arrays, policy = forests(number), network(seed=seed)
    found = rollout(arrays, by_policy(policy, arrays))
    same(found.outcomes, by_recursion(arrays, decisions(arrays, policy)))
    assert np.allclose(found.uses[:, :-1].sum(axis=1), found.outcomes.blocks), "every block is one decision"
    assert np.allclose(found.edges.sum(axis=1), found.uses)
    assert np.allclose(found.visits[arrays.roots], 1)
    ends = found.decided[:, arrays.terminal].sum() + found.visits[arrays.ended].sum()
    assert ends == pytest.approx(len(arrays.tasks)), "every run ends once"


def test_chance_is_followed_in_all_its_ways(forests):
    for arrays in map(forests, range(6)):
        uniform = arrays.playable / arrays.playable.sum(axis=1, keepdims=True)
        same(rollout(arrays, by_policy(RandomPolicy(ACTIONS), arrays)).outcomes, by_recursion(arrays, uniform))
        same(rollout(arrays, by_probabilities(uniform)).outcomes, by_recursion(arrays, uniform))


def test_the_walk_of_the_best_choices_is_the_oracle(forests):
    for arrays in map(forests, range(6)):
        values = exact_values(arrays, 0.2)
        found = rollout(arrays, by_probabilities(one_hot(values.best, len(ACTIONS))))
        same(found.outcomes, values.oracle)
        assert not found.off_support.any()


def test_matched_random_takes_each_action_exactly_as_often_on_full_trees(tmp_path):
    from pilotage.navigator.evaluation.records import _frequencies

    arrays = BankArrays.of(learnable_bank(tmp_path / "b", tasks=12))
    for seed in range(5):
        other = rollout(arrays, by_policy(network(seed=seed), arrays))
        matched = FrequencyMatchedPolicy(ACTIONS, OBSERVATIONS, _frequencies([other]))
        assert np.allclose(rollout(arrays, by_policy(matched, arrays)).uses.sum(axis=0), other.uses.sum(axis=0))


def bank_without_verify(path):
    """Two tasks; in the second, what `program` leads to was recorded, but not the `verify` after it."""
    trees = {
        "f/a": [node(), node(("program",)), node(("program", "verify"), score=1.0)],
        "f/b": [node(), node(("program",), score=1.0)],
    }
    return write_bank(path, trees)


def test_what_was_not_recorded_is_unknown_to_a_sequence_and_hidden_from_others(tmp_path):
    arrays = BankArrays.of(bank_without_verify(tmp_path / "b"))
    checks = sequence(("program", "verify"), ACTIONS, OBSERVATIONS)
    strict, seen = rollout(arrays, by_policy(checks, arrays), strict=True), rollout(arrays, by_policy(checks, arrays))
    assert strict.outcomes.coverage == 0.5 and np.isnan(strict.outcomes.correct[1])
    assert seen.outcomes.correct.tolist() == [1, 1], "shown no verify, it goes on to the answer"
    assert strict.off_support.tolist() == seen.off_support.tolist() == [0, 1]


def test_one_policy_for_each_task(tmp_path):
    arrays = BankArrays.of(bank_without_verify(tmp_path / "b"))
    policies = [sequence(blocks, ACTIONS, OBSERVATIONS) for blocks in ((), ("program",))]
    assert rollout(arrays, by_policy(policies, arrays)).outcomes.blocks.tolist() == [0, 1]


class Broken:
    name = "broken"

    def decide(self, observation, mask):
        return Decision(ACTIONS.index("reason"))


def test_an_illegal_choice_names_policy_and_task(tmp_path):
    bank = bank_without_verify(tmp_path / "b")
    with pytest.raises(SpecMismatch, match="broken, task 'f/a': the policy chose action 0"):
        rollout(BankArrays.of(bank), by_policy(Broken(), BankArrays.of(bank)))
