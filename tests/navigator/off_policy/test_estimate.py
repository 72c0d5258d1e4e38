"""The whole estimate: fitted models, intervals that cover, chances that are estimated, and what is warned of."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pilotage.navigator.errors import LogError, SpecMismatch
from pilotage.navigator.off_policy import (
    Episode,
    Log,
    estimate,
    estimated_probabilities,
    fitted_values,
    probabilities_of,
)
from pilotage.navigator.off_policy.sampling import drawn_log
from pilotage.navigator.policies.epsilon import EpsilonPolicy
from pilotage.navigator.policies.policy import Decision, FixedPolicy, RandomPolicy
from pilotage.navigator.values.rollout import by_probabilities, one_hot, rollout
from tests.navigator.banks import ACTIONS, OBSERVATIONS
from tests.navigator.off_policy import made_up

PROGRAM = FixedPolicy(["program"], ACTIONS, OBSERVATIONS)


def uniform(arrays):
    return arrays.playable / arrays.playable.sum(axis=1, keepdims=True)


def truth(arrays, policy, epsilon=0.0):
    chosen = np.array([policy.decide(o, m).action for o, m in zip(arrays.features, arrays.playable, strict=True)])
    outcomes = rollout(arrays, by_probabilities(made_up.softened(chosen, arrays, epsilon))).outcomes
    return outcomes.accuracy, outcomes.mean_cost


@pytest.fixture(scope="module")
def arrays():
    return made_up.learnable()


@pytest.fixture(scope="module")
def log(arrays):
    return drawn_log(arrays, uniform(arrays), 400, seed=3)


def test_every_estimator_comes_close_with_enough_runs(arrays, log):
    found = estimate(log, PROGRAM, resamples=200)
    accuracy, cost = truth(arrays, PROGRAM)
    for name, one in found.by.items():
        rough = name in ("is", "wis", "pdis", "wpdis")  # a run in 16 agrees, and weighs 16: a standard error of 0.15
        assert one.accuracy.value == pytest.approx(accuracy, abs=0.45 if rough else 0.1), name
        assert one.cost.value == pytest.approx(cost, rel=0.75 if rough else 0.1), name
        assert one.accuracy_gain.value == pytest.approx(one.accuracy.value - found.logged.accuracy.value)
    wdr = found.by["wdr"]
    assert wdr.accuracy.value == pytest.approx(accuracy, abs=0.06)
    assert wdr.accuracy.low < accuracy < wdr.accuracy.high
    assert wdr.cost.value == pytest.approx(cost, rel=0.03), "what a program costs is plain to see"
    assert found.mean_weight == pytest.approx(16 * found.agreeing / 400) and found.lost == 0
    assert found.effective_sample_size == pytest.approx(found.agreeing)


def test_a_better_policy_is_seen_to_be_better(arrays, log):
    always = estimate(log, FixedPolicy(["program"], ACTIONS, OBSERVATIONS), resamples=200)
    never = estimate(log, FixedPolicy(["answer"], ACTIONS, OBSERVATIONS), resamples=200)
    assert always.by["wdr"].accuracy.value > never.by["wdr"].accuracy.value + 0.1
    assert never.by["wdr"].cost_gain.high < 0, "answering at once is cheaper than what was logged"


def test_the_interval_covers_the_truth_about_as_often_as_it_says(arrays):
    """A small study: 100 logs of 80 runs, 95% intervals of both parts of the reward."""
    target = made_up.softened(np.full(len(arrays), 1), arrays, 0.4) * arrays.playable
    target = np.where(arrays.playable[:, [1]], target, uniform(arrays))
    true = rollout(arrays, by_probabilities(target)).outcomes
    values = made_up.true_values(arrays, target)
    covered = {name: [] for name in ("is", "wis", "wpdis", "dr", "wdr")}
    for seed in range(100):
        log = drawn_log(arrays, uniform(arrays), 80, seed)
        states = made_up.states_of(arrays, log)
        found = estimate(log, target[states], values=values[states], resamples=200, seed=seed)
        for name, hits in covered.items():
            accuracy, cost = found.by[name].accuracy, found.by[name].cost
            hits.append((accuracy.low <= true.accuracy <= accuracy.high, cost.low <= true.mean_cost <= cost.high))
    for name, hits in covered.items():
        rates = np.mean(hits, axis=0)
        assert (rates > 0.85).all(), (name, rates)
    assert np.mean([hits for hits in covered.values()]) < 0.995, "an interval that always covers is too wide"


def test_a_fitted_model_never_sees_the_task_that_it_values(log):
    target = probabilities_of(PROGRAM, log)
    before = fitted_values(log, target)
    rewards = log.rewards.copy()
    spoilt = log.task[log.episode] == 7
    rewards[spoilt] += 5
    after = fitted_values(replace(log, rewards=rewards), target)
    assert (after[spoilt] == before[spoilt]).all()
    assert (after[~spoilt] != before[~spoilt]).any()


def test_a_fitted_model_makes_doubly_robust_estimates_steadier(arrays):
    spread = {"pdis": [], "dr": []}
    for seed in range(12):
        found = estimate(drawn_log(arrays, uniform(arrays), 120, seed), PROGRAM, resamples=2)
        for name, values in spread.items():
            values.append((found.by[name].accuracy.value, found.by[name].cost.value))
    pdis, dr = (np.std(values, axis=0) for values in spread.values())
    assert (dr < 0.75 * pdis).all()


def test_chances_are_learnt_from_what_was_taken(arrays):
    base = FixedPolicy(["program"], ACTIONS, OBSERVATIONS)
    chosen = np.array([base.decide(o, m).action for o, m in zip(arrays.features, arrays.playable, strict=True)])
    behaviour = made_up.softened(chosen, arrays, 0.6)
    log = drawn_log(arrays, behaviour, 600, seed=1)
    guessed = estimated_probabilities(log)
    assert guessed.sum(axis=1) == pytest.approx(1) and not guessed[~log.legal].any()
    taken = np.arange(len(log.taken)), log.taken
    assert (guessed[taken] > 0).all()
    assert np.abs(guessed - log.behaviour).mean() < 0.05
    known, unknown = estimate(log, RandomPolicy(ACTIONS)), estimate(log.with_behaviour(guessed), RandomPolicy(ACTIONS))
    assert unknown.by["wdr"].accuracy.value == pytest.approx(known.by["wdr"].accuracy.value, abs=0.05)


def test_what_was_never_taken_has_no_estimated_chance(arrays):
    answers = one_hot(np.full(len(arrays), arrays.terminal), len(ACTIONS))
    log = drawn_log(arrays, answers, 30)
    guessed = estimated_probabilities(log)
    assert (guessed[:, arrays.terminal] == 1).all()
    found = estimate(log.with_behaviour(guessed), PROGRAM, resamples=50)
    assert found.lost == pytest.approx(1) and found.agreeing == 0
    assert "program at the start" in found.warnings[0] and "no logged run" in found.warnings[1]
    assert np.isnan(found.by["wis"].accuracy.value) and np.isnan(found.by["is"].accuracy.value)
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["estimates"]["wis"]["accuracy"]["value"] is None


def test_few_runs_get_a_warning_and_no_interval(arrays):
    log = drawn_log(arrays, uniform(arrays), 12, seed=2)
    found = estimate(log, PROGRAM, resamples=50)
    assert 1 <= found.agreeing <= 4
    assert any("worth only" in one for one in found.warnings)
    assert np.isnan(found.by["wis"].accuracy.low) and np.isfinite(found.logged.accuracy.low)


def test_wrong_chances_are_noticed(arrays):
    """The runs mostly answered at once; told that they were uniform, the estimator sees weights that are too great."""
    hasty = made_up.softened(np.full(len(arrays), arrays.terminal), arrays, 0.3)
    log = drawn_log(arrays, hasty, 200, seed=1)
    policy = EpsilonPolicy(FixedPolicy(["answer"], ACTIONS, OBSERVATIONS), 0.3, ACTIONS)
    assert estimate(log, policy, resamples=20).warnings == ()
    told = log.with_behaviour(probabilities_of(RandomPolicy(ACTIONS), log))
    assert any("probably not right" in one for one in estimate(told, policy, resamples=20).warnings)


def test_runs_of_one_task_count_as_one(arrays):
    log = drawn_log(arrays, uniform(arrays), 40, seed=5)
    doubled = replace(log, tasks=("twice", "twice", *log.tasks[2:]))
    assert doubled.share[:2].sum() == pytest.approx(doubled.share[2]) and doubled.share.sum() == pytest.approx(1)
    assert estimate(doubled, PROGRAM, resamples=50).tasks == 39


def test_one_task_has_no_model(arrays):
    log = drawn_log(arrays, uniform(arrays), 40, seed=5)
    found = estimate(replace(log, tasks=("one",) * 40), PROGRAM, resamples=50)
    assert "dr" not in found.by and any("with one task" in one for one in found.warnings)
    with pytest.raises(LogError, match="at least 2 tasks"):
        fitted_values(replace(log, tasks=("one",) * 40), probabilities_of(PROGRAM, log))


def test_the_same_seed_gives_the_same_figures(log):
    assert estimate(log, PROGRAM, resamples=50, seed=4) == estimate(log, PROGRAM, resamples=50, seed=4)


def episode(**changes):
    mask = ACTIONS.mask(("reason",))
    given = {
        "task": "t",
        "observations": np.zeros((2, len(OBSERVATIONS)), dtype=np.float32),
        "masks": np.array([mask, ACTIONS.mask(())]),
        "actions": [0, 3],
        "costs": [0.1, 0.0],
        "correct": 1.0,
        "behaviour": np.array([[0.5, 0, 0, 0.5], [0, 0, 0, 1.0]]),
    }
    return Episode(**{**given, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"actions": [1, 3]}, "decision 0: action 1 is not legal"),
        ({"costs": [0.1]}, r"costs has shape \(1,\), not \(2,\)"),
        ({"correct": 2.0}, "not between 0 and 1"),
        ({"correct": float("nan")}, "not a finite number"),
        ({"observations": np.full((2, len(OBSERVATIONS)), np.nan)}, "not a finite number"),
        ({"behaviour": np.array([[0.4, 0, 0, 0.5], [0, 0, 0, 1.0]])}, "do not sum to 1"),
        ({"behaviour": np.array([[0, 0, 0, 1.0], [0, 0, 0, 1.0]])}, "decision 0: 'reason' was taken, which has no"),
        ({"masks": np.ones((2, 3), dtype=bool)}, r"masks has shape \(2, 3\)"),
    ],
)
def test_a_run_that_does_not_fit_is_named(changes, said):
    with pytest.raises(LogError, match=f"run 2 .task 't'.*{said}"):
        Log.of([episode(), episode(**changes)], ACTIONS, OBSERVATIONS)


def test_a_log_needs_runs_and_their_chances():
    with pytest.raises(LogError, match="no logged run"):
        Log.of([], ACTIONS, OBSERVATIONS)
    with pytest.raises(LogError, match="holds no decision"):
        empty = episode(actions=[], costs=[], observations=np.zeros((0, 8)), masks=np.zeros((0, 4)), behaviour=None)
        Log.of([empty], ACTIONS, OBSERVATIONS)
    log = Log.of([episode(), episode(behaviour=None)], ACTIONS, OBSERVATIONS)
    with pytest.raises(LogError, match="tell no probabilities"):
        estimate(log, PROGRAM)
    with pytest.raises(LogError, match="run 1 .task 't'., decision 0: 'reason' was taken, which has no probability"):
        log.with_behaviour(np.tile([0, 0, 0, 1.0], (4, 1)))
    answered = estimate(
        log.with_behaviour(probabilities_of(RandomPolicy(ACTIONS), log)), RandomPolicy(ACTIONS), resamples=9
    )
    assert answered.runs == 2


class Stubborn:
    name = "stubborn"

    def decide(self, observation, mask):
        return Decision(1)


def test_a_policy_that_does_what_is_not_legal_is_named(log):
    with pytest.raises(SpecMismatch, match="stubborn, task"):
        probabilities_of(Stubborn(), log)


def test_an_exploring_policy_explores_as_often_as_it_says(arrays):
    policy = EpsilonPolicy(PROGRAM, 0.4, ACTIONS)
    assert policy.name == "epsilon=0.4:fixed:program"
    rng = np.random.default_rng(0)
    mask = ACTIONS.mask(("reason", "program", "verify"))
    drawn = []
    for _ in range(2000):
        observation = rng.uniform(OBSERVATIONS.low, OBSERVATIONS.high).astype(np.float32)
        observation[3:6] = 0  # no block was run yet
        decision = policy.decide(observation, mask)
        assert decision == policy.decide(observation, mask), "the same observation gives the same draw"
        assert decision.probabilities == pytest.approx((0.1, 0.7, 0.1, 0.1))
        drawn.append(decision.action)
    assert np.bincount(drawn) / 2000 == pytest.approx([0.1, 0.7, 0.1, 0.1], abs=0.03)
    assert estimate(drawn_log(arrays, uniform(arrays), 50), policy, resamples=9).policy == policy.name
