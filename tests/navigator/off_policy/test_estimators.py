"""Estimators against exact values: expectations over every run there is, and convergence over drawn ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.navigator.off_policy.estimators import WITH_MODEL, WITHOUT_MODEL, logged, terms
from pilotage.navigator.off_policy.sampling import drawn_log
from pilotage.navigator.off_policy.weights import Weights
from pilotage.navigator.values.rollout import by_probabilities, rollout
from tests.navigator.off_policy import made_up

relaxed = settings(max_examples=25)
seeds = st.integers(0, 12)


def truth(arrays, target):
    """Mean score and cost over the tasks that begin with a decision."""
    outcomes = rollout(arrays, by_probabilities(target)).outcomes
    open_tasks = ~arrays.ended[arrays.roots]
    return np.array([outcomes.correct[open_tasks].mean(), outcomes.cost[open_tasks].mean()])


def expectation(arrays, log, chance, of):
    """Exact mean of an unweighted estimate from one run a task: every run counts with its chance."""
    return of.value(chance / (~arrays.ended[arrays.roots]).sum())


@relaxed
@given(seeds, seeds, seeds)
def test_estimates_without_weighing_are_unbiased_whatever_the_model_says(tree, one, other):
    arrays = made_up.trees(tree)
    behaviour, target = made_up.chances(arrays, one), made_up.chances(arrays, 100 + other, sharpness=3)
    log, chance, states = made_up.logged(arrays, behaviour)
    weights = Weights(log, target[states])
    wrong = np.random.default_rng(other).normal(size=(*log.legal.shape, 2)) * 3
    # A wrong model must say the same of a state in whichever run it is met.
    wrong = wrong[np.unique(states, return_inverse=True)[1]]
    for name in ("is", "pdis", "dr"):
        found = expectation(arrays, log, chance, terms(name, weights, wrong))
        assert found == pytest.approx(truth(arrays, target)), name


@relaxed
@given(seeds, seeds, seeds)
def test_weighing_is_exact_where_every_run_counts_with_its_chance(tree, one, other):
    """What the weighted estimates tend to as runs grow without end."""
    arrays = made_up.trees(tree, tasks=1)
    if arrays.ended[arrays.roots].all():
        return
    behaviour, target = made_up.chances(arrays, one), made_up.chances(arrays, 100 + other, sharpness=3)
    log, chance, states = made_up.logged(arrays, behaviour)
    weights = Weights(log, target[states])
    wrong = np.full((*log.legal.shape, 2), 0.3)
    for name in ("wis", "wpdis", "wdr"):
        found = expectation(arrays, log, chance, terms(name, weights, wrong))
        assert found == pytest.approx(truth(arrays, target)), name


@relaxed
@given(seeds, seeds, seeds)
def test_the_true_values_need_no_weights(tree, one, other):
    arrays = made_up.trees(tree)
    behaviour, target = made_up.chances(arrays, one), made_up.chances(arrays, 100 + other)
    log, chance, states = made_up.logged(arrays, behaviour)
    weights = Weights(log, target[states])
    values = made_up.true_values(arrays, target)[states]
    for name in WITH_MODEL:
        assert expectation(arrays, log, chance, terms(name, weights, values)) == pytest.approx(truth(arrays, target))


@relaxed
@given(seeds, seeds)
def test_judging_the_logging_policy_gives_what_it_reached(tree, one):
    arrays = made_up.trees(tree)
    behaviour = made_up.chances(arrays, one)
    log, _, states = made_up.logged(arrays, behaviour)
    weights = Weights(log, behaviour[states])
    assert weights.whole == pytest.approx(1) and weights.effective_sample_size == pytest.approx(len(log))
    plain = logged(log).value(log.share)
    for name in WITHOUT_MODEL:
        assert terms(name, weights).value(log.share) == pytest.approx(plain), name


@relaxed
@given(seeds, seeds, seeds, st.integers(2, 12))
def test_weights_and_weighted_estimates_stay_within_their_bounds(tree, one, other, count):
    arrays = made_up.trees(tree)
    behaviour, target = made_up.chances(arrays, one), made_up.chances(arrays, 100 + other, sharpness=4)
    log, chance, states = made_up.logged(arrays, behaviour)
    assert Weights(log, target[states]).whole @ chance == pytest.approx(chance.sum()), "weights are 1 on average"
    drawn = np.random.default_rng(other).integers(len(log), size=count)
    some = made_up.part_of(log, drawn)
    weights = Weights(some, target[states][made_up.rows(log, drawn)])
    assert (weights.whole >= 0).all()
    assert 1 - 1e-9 <= weights.effective_sample_size <= count + 1e-9
    assert 1 / count - 1e-9 <= weights.largest_share <= 1 + 1e-9
    assert weights.lost == 0 and weights.left_by() == []
    for name in ("wis", "wpdis"):
        accuracy, cost = terms(name, weights).value(some.share)
        assert -1e-9 <= accuracy <= (1 if name == "wis" else some.horizon) + 1e-9
        assert cost >= 0
    total = some.grid(some.rewards).sum(axis=1)[:, 0]
    assert total.min() - 1e-9 <= terms("wis", weights).value(some.share)[0] <= total.max() + 1e-9


def test_what_the_target_would_do_where_nothing_was_logged_is_counted():
    arrays = made_up.learnable()
    program, answer = arrays.actions.index("program"), arrays.terminal
    behaviour = arrays.playable.astype(float)
    behaviour[arrays.roots, program] = 0  # never first
    behaviour /= behaviour.sum(axis=1, keepdims=True)
    log = drawn_log(arrays, behaviour, 200)
    mixed = np.zeros((len(log.taken), 4))
    mixed[:, answer] = np.where(log.step == 0, 0.25, 1)
    mixed[log.step == 0, program] = 0.75
    weights = Weights(log, mixed)
    assert weights.lost == pytest.approx(0.75)
    assert weights.left_by() == ["program at the start"]
    assert weights.shared.sum() == pytest.approx(0.25, abs=0.12)


@pytest.fixture(scope="module")
def study():
    """Many logs of one behaviour, and what each estimator says of one target on each of them."""
    arrays = made_up.learnable()
    uniform = arrays.playable / arrays.playable.sum(axis=1, keepdims=True)
    target = made_up.softened(np.where(arrays.depth == 0, 1, arrays.terminal), arrays, 0.2)
    values = made_up.true_values(arrays, target)
    found = {}
    for runs in (40, 320):
        for seed in range(60 if runs == 40 else 15):
            log = drawn_log(arrays, uniform, runs, seed)
            states = made_up.states_of(arrays, log)
            weights = Weights(log, target[states])
            for name in (*WITHOUT_MODEL, *WITH_MODEL):
                here = terms(name, weights, values[states]).value(log.share)
                found.setdefault((name, runs), []).append(here)
    return {key: np.array(of) for key, of in found.items()}, truth(arrays, target)


@pytest.mark.parametrize("name", ["is", "pdis", "dr"])
def test_drawn_estimates_are_right_on_average(study, name):
    found, true = study
    for runs in (40, 320):
        of = found[name, runs]
        assert (np.abs(of.mean(axis=0) - true) < 4 * of.std(axis=0, ddof=1) / np.sqrt(len(of)) + 1e-9).all()


@pytest.mark.parametrize("name", [*WITHOUT_MODEL, "dr", "wdr"])
def test_estimates_converge(study, name):
    found, true = study
    few, many = (np.abs(found[name, runs] - true).mean(axis=0) for runs in (40, 320))
    assert (many < 0.6 * few + 1e-9).all(), "8 times the runs make about a third of the error"


def test_a_good_model_makes_far_better_estimates(study):
    found, _ = study
    spread = {name: found[name, 40].var(axis=0) for name in ("is", "pdis", "wpdis", "dr", "wdr")}
    assert (spread["dr"] < 0.35 * spread["pdis"]).all()
    assert (spread["wdr"] < 0.5 * spread["wpdis"]).all()
