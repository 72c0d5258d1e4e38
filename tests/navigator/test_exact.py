"""Exact values against brute force on random trees, and against banks whose best policy is known."""

import math
import tempfile
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.navigator import FixedPolicy, NavigatorError, RecordedDynamics
from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.values.block_values import block_values
from pilotage.navigator.values.exact import exact_values, uniform_values
from pilotage.navigator.values.rollout import by_policy, by_probabilities, rollout
from pilotage.navigator.values.sequences import best_fixed, best_fixed_by_family, fixed_sequence, recorded_sequences
from tests.navigator.banks import (
    ACTIONS,
    BLOCKS,
    OBSERVATIONS,
    by_recursion,
    learnable_bank,
    node,
    random_bank,
    write_bank,
)
from tests.navigator.policies import network


@cache
def trees(seed):
    with tempfile.TemporaryDirectory() as folder:
        return BankArrays.of(random_bank(folder, seed=seed, tasks=3, depth=2))


forests = st.integers(0, 30).map(trees)
weights = st.sampled_from([0.0, 0.1, 0.5, 3.0])
relaxed = settings(max_examples=40)


def best_by_brute_force(arrays, state, weight):
    """The best value from a state, by trying every way through the tree."""
    stop = arrays.score[state] - weight * arrays.answer_cost[state]
    if arrays.ended[state]:
        return stop
    values = [stop]
    for there in arrays.children[state].values():
        values.append(np.mean([best_by_brute_force(arrays, s, weight) - weight * arrays.cost[s] for s in there]))
    return max(values)


def sequence_by_brute_force(arrays, root, blocks):
    """(probability, score, cost) of every way that a sequence may go; None where one was not recorded."""
    ways = [(1.0, root, arrays.cost[root])]
    for block in blocks:
        index, after = ACTIONS.index(block), []
        for share, state, cost in ways:
            if arrays.ended[state] or not arrays.legal[state, index]:
                after.append((share, state, cost))
                continue
            there = arrays.children[state].get(index)
            if there is None:
                return None
            after += [(share / len(there), s, cost + arrays.cost[s]) for s in there]
        ways = after
    return sum(p * arrays.score[s] for p, s, _ in ways), sum(p * (c + arrays.answer_cost[s]) for p, s, c in ways)


@relaxed
@given(forests, weights)
def test_values_are_those_of_brute_force(arrays, weight):
    values = exact_values(arrays, weight)
    for state in range(len(arrays)):
        assert values.value[state] == pytest.approx(best_by_brute_force(arrays, state, weight))
        assert values.stop[state] == pytest.approx(arrays.score[state] - weight * arrays.answer_cost[state])
        if not arrays.ended[state]:
            assert values.q[state].max() == pytest.approx(values.value[state])
        assert arrays.playable[state, values.best[state]]
    roots = arrays.roots
    reached = values.oracle.correct - weight * values.oracle.cost
    assert reached == pytest.approx(values.value[roots] - weight * arrays.cost[roots])


@relaxed
@given(forests, weights, st.integers(0, 3))
def test_no_policy_beats_the_oracle(arrays, weight, seed):
    oracle = exact_values(arrays, weight).oracle
    generator = np.random.default_rng(seed)
    probabilities = arrays.playable * generator.random(arrays.playable.shape)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    drawn = rollout(arrays, by_probabilities(probabilities)).outcomes
    assert (drawn.correct - weight * drawn.cost <= oracle.correct - weight * oracle.cost + 1e-9).all()
    expected = by_recursion(arrays, probabilities)
    assert drawn.correct == pytest.approx(expected.correct) and drawn.cost == pytest.approx(expected.cost)


@relaxed
@given(forests)
def test_uniform_values_are_the_share_of_completions_that_end_right(arrays):
    values = uniform_values(arrays)
    for state in range(len(arrays)):
        here = [arrays.score[state]]
        if not arrays.ended[state]:
            here += [np.mean([values.value[s] for s in there]) for there in arrays.children[state].values()]
        assert values.value[state] == pytest.approx(np.mean(here))
    assert (values.value <= exact_values(arrays).value + 1e-9).all()


@relaxed
@given(forests, st.lists(st.sampled_from(BLOCKS), max_size=3))
def test_a_fixed_sequence_is_followed_or_unknown(arrays, blocks):
    outcomes = fixed_sequence(arrays, blocks).outcomes
    for place, root in enumerate(arrays.roots):
        expected = sequence_by_brute_force(arrays, root, blocks)
        if expected is None:
            assert math.isnan(outcomes.correct[place]) and math.isnan(outcomes.cost[place])
        else:
            assert (outcomes.correct[place], outcomes.cost[place]) == pytest.approx(expected)


@relaxed
@given(forests, weights)
def test_the_best_fixed_sequence_is_the_best_of_all(arrays, weight):
    best = best_fixed(arrays, weight)
    every = [fixed_sequence(arrays, blocks) for n in range(3) for blocks in product(BLOCKS, repeat=n)]
    recorded = set(recorded_sequences(arrays))
    known = [o for o in every if o.outcomes.coverage == 1 and o.blocks in recorded]
    assert best.outcomes.value(weight) == pytest.approx(max(one.outcomes.value(weight) for one in known))
    for family, one in best_fixed_by_family(arrays, weight).items():
        assert one.outcomes.value(weight) >= best_fixed(arrays, weight).outcomes.only(family).value(weight) - 1e-9
        assert set(one.outcomes.families) == {family}


@relaxed
@given(forests, weights)
def test_a_sequence_that_is_not_known_everywhere_wins_only_where_it_is_better_on_the_same_tasks(arrays, weight):
    best, everywhere = best_fixed(arrays, weight, min_coverage=0.5), best_fixed(arrays, weight)
    known = np.isfinite(best.outcomes.correct)
    assert known.mean() >= 0.5
    if known.all():
        assert best.blocks == everywhere.blocks


def test_sequences_are_compared_on_the_same_tasks(tmp_path):
    """The program was never tried on the hard task, which must not make it look better than reasoning."""
    easy = {
        f"e{n}": [
            node(mask=ACTIONS.mask(BLOCKS).tolist()),
            node(["reason"], score=1, cost=100),
            node(["program"], score=1),
        ]
        for n in range(9)
    }
    hard = {"hard": [node(), node(["reason"], score=0, cost=100)]}
    dearer = {task: [*nodes[:2], node(["program"], score=1, cost=300)] for task, nodes in easy.items()}
    arrays = BankArrays.of(write_bank(tmp_path, dearer | hard))
    assert fixed_sequence(arrays, ["program"]).outcomes.accuracy > fixed_sequence(arrays, ["reason"]).outcomes.accuracy
    assert best_fixed(arrays, min_coverage=0.9).blocks == ("reason",)
    assert best_fixed(arrays, min_coverage=1.0).blocks == ("reason",)


def test_a_sequence_that_few_know_does_not_take_the_ground_from_under_the_others(tmp_path):
    """It is known on two thirds: enough to be compared there at 0.6, and too little at 0.9."""
    trees = {
        "a": [node(), node(["reason"], score=1), node(["reason", "verify"], score=1)],
        "b": [node(), node(["reason"], score=1)],
        "c": [node(), node(["program"], score=1), node(["reason"], score=0), node(["reason", "verify"], score=1)],
    }
    arrays = BankArrays.of(write_bank(tmp_path, trees))
    assert best_fixed(arrays, min_coverage=0.9).blocks == ("reason",)
    assert best_fixed(arrays, min_coverage=0.6).blocks == ("reason", "verify")


def test_ties_go_to_the_cheaper_at_every_weight(tmp_path):
    """Both ways end right; at weight 0 cost has no say in the value, and the oracle must not waste tokens for it."""
    dear, cheap = node(["reason"], score=1, cost=900), node(["program"], score=1, cost=100)
    arrays = BankArrays.of(write_bank(tmp_path, {"t": [node(answer_cost=40), dear, cheap]}))
    for weight in (0.0, 1e-12, 1e-9, 0.1):
        values = exact_values(arrays, weight)
        assert ACTIONS.names[values.best[0]] == "program"
        assert values.oracle.mean_cost == pytest.approx(0.11)
    free = BankArrays.of(
        write_bank(tmp_path / "free", {"t": [node(score=1, answer_cost=0), node(["reason"], score=1, cost=0)]})
    )
    assert ACTIONS.names[exact_values(free).best[0]] == "answer", "of equals in value and cost the one that ends"


def test_a_tie_is_settled_by_all_that_is_still_to_come(tmp_path):
    """The step that looks cheap leads to one that is dear."""
    nodes = [
        node(),
        node(["program"], score=0, cost=10),
        node(["program", "verify"], score=1, cost=800),
        node(["reason"], score=1, cost=300),
    ]
    values = exact_values(BankArrays.of(write_bank(tmp_path, {"t": nodes})))
    assert ACTIONS.names[values.best[0]] == "reason"
    assert values.price[0, ACTIONS.index("program")] == pytest.approx(0.82)


@relaxed
@given(forests)
def test_the_oracle_at_weight_0_is_that_of_a_weight_that_hardly_counts(arrays):
    free, nearly = exact_values(arrays).oracle, exact_values(arrays, 1e-6).oracle
    assert free.accuracy == pytest.approx(nearly.accuracy) and free.mean_cost == pytest.approx(nearly.mean_cost)


@relaxed
@given(forests, st.integers(0, 5))
def test_walking_the_bank_agrees_with_the_expectation(arrays, seed):
    """A policy played through the dynamics brings what the rollout says, exactly where nothing is drawn."""
    policy = network(seed=seed)
    expected = rollout(arrays, by_policy(policy, arrays)).outcomes
    dynamics = RecordedDynamics(arrays, seed=seed)
    for place, task in enumerate(arrays.tasks):
        if (arrays.samples[arrays.task == place] > 1).any():
            continue
        transition = dynamics.reset(task=task)
        cost = transition.cost
        while not transition.done:
            transition = dynamics.step(policy.decide(transition.observation, transition.action_mask).action)
            cost += transition.cost
        assert (transition.correct, cost) == pytest.approx((expected.correct[place], expected.cost[place]))


def test_samples_are_averaged(tmp_path):
    nodes = [node(answer_cost=0), node(["reason"], cost=100), node(["reason"], sample=1, score=1, cost=300)]
    arrays = BankArrays.of(write_bank(tmp_path, {"t": nodes}))
    values = exact_values(arrays)
    assert values.value[0] == 0.5 and values.best[0] == 0
    assert values.oracle.accuracy == 0.5
    assert values.oracle.mean_cost == pytest.approx(0.21)  # the mean of two samples, then stopping
    assert exact_values(arrays, 3.0).best[0] == arrays.terminal


def test_equals_stop(tmp_path):
    arrays = BankArrays.of(
        write_bank(tmp_path, {"t": [node(score=1), node(["reason"], score=1, cost=0, answer_cost=10)]})
    )
    assert exact_values(arrays).best[0] == arrays.terminal


def test_the_known_bank_has_its_known_values(tmp_path):
    bank = learnable_bank(tmp_path, tasks=30)
    arrays = BankArrays.of(bank)
    weight = 0.1
    values = exact_values(arrays, weight)
    assert values.oracle.accuracy == 1
    assert values.oracle.only("easy").mean_cost == pytest.approx(0.02)
    assert values.oracle.only("words").mean_cost == pytest.approx(0.3)
    by_family = best_fixed_by_family(arrays, weight)
    assert {name: one.blocks for name, one in by_family.items()} == {
        "easy": (),
        "sums": ("program", "verify"),
        "words": ("reason",),
    }
    assert best_fixed(arrays, weight).outcomes.mean_cost > 3 * values.oracle.mean_cost
    worth = {one.block: one for one in block_values(arrays, weight)}
    assert list(worth) == list(BLOCKS)
    assert worth["reason"].loss_without > 0.3 and worth["program"].loss_without > 0.3
    assert worth["verify"].loss_without < 0.1
    assert sum(one.chosen for one in worth.values()) < 1


def test_a_block_that_was_never_tried_is_worth_nothing_known(tmp_path):
    arrays = BankArrays.of(write_bank(tmp_path, {"t": [node(), node(["reason"], score=1)]}))
    program = {one.block: one for one in block_values(arrays)}["program"]
    assert (program.tried, program.chosen, program.loss_without) == (0, 0, 0)
    assert math.isnan(program.gain)


def test_a_fixed_policy_and_its_sequence_agree(tmp_path):
    arrays = BankArrays.of(learnable_bank(tmp_path, tasks=12))
    sequence = ("program", "verify", "reason")
    policy = FixedPolicy((*sequence, "answer"), ACTIONS, OBSERVATIONS)
    one, other = rollout(arrays, by_policy(policy, arrays)).outcomes, fixed_sequence(arrays, sequence).outcomes
    assert (one.correct == other.correct).all() and one.cost == pytest.approx(other.cost)
    assert (one.blocks == 3).all() and one.coverage == 1


def test_what_no_sequence_can_be_says_so(tmp_path):
    arrays = BankArrays.of(write_bank(tmp_path, {"t": [node(), node(["reason"])]}))
    with pytest.raises(NavigatorError, match="leave 'answer' out"):
        fixed_sequence(arrays, ["answer"])
