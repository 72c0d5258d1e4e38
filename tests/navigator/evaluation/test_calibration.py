import numpy as np
import pytest

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.evaluation.calibration import Predictions, calibrate
from pilotage.navigator.policies.policy import Decision, RandomPolicy
from pilotage.navigator.values.exact import exact_values
from pilotage.navigator.values.rollout import by_policy, rollout
from tests.navigator.banks import ACTIONS, learnable_bank, node, random_bank, write_bank

WEIGHT = 0.2


class Seer:
    """Takes the best action and says what it is worth, less `doubt`."""

    name = "seer"

    def __init__(self, arrays, doubt=0.0):
        values = exact_values(arrays, WEIGHT)
        self.known = {
            arrays.features[s].tobytes(): (int(values.best[s]), values.q[s] - doubt) for s in range(len(arrays))
        }

    def decide(self, observation, mask):
        action, values = self.known[observation.tobytes()]
        return Decision(action, "", tuple(values.tolist()))


@pytest.fixture(scope="module")
def arrays(tmp_path_factory):
    return BankArrays.of(learnable_bank(tmp_path_factory.mktemp("b") / "b", tasks=30))


def test_known_claims_give_known_figures():
    claims = Predictions(np.array([0.95, 0.85, 0.25]), np.array([1.0, 0.0, 0.0]), np.ones(3))
    found = calibrate(claims)
    assert [(round(b.predicted, 2), b.observed, b.n) for b in found.bins] == [(0.25, 0, 1), (0.85, 0, 1), (0.95, 1, 1)]
    assert found.ece == pytest.approx((0.25 + 0.85 + 0.05) / 3)
    assert found.brier == pytest.approx((0.05**2 + 0.85**2 + 0.25**2) / 3)
    assert found.n == 3


def test_claims_of_one_bin_are_judged_by_their_mean():
    claims = Predictions(np.full(4, 0.75), np.array([1.0, 1.0, 1.0, 0.0]), np.ones(4))
    assert calibrate(claims).ece == pytest.approx(0)
    heavy = Predictions(np.full(2, 0.75), np.array([1.0, 0.0]), np.array([3.0, 1.0]))
    assert calibrate(heavy).ece == pytest.approx(0)


def test_who_knows_the_values_is_calibrated_whatever_was_paid(arrays):
    claims = Predictions.of([rollout(arrays, by_policy(Seer(arrays), arrays))], WEIGHT)
    assert claims.weight.sum() == pytest.approx(len(arrays.tasks))
    found = calibrate(claims)
    assert found.ece == pytest.approx(0, abs=1e-6) and found.brier == pytest.approx(0, abs=1e-6)


def test_doubt_shows(arrays):
    found = calibrate(Predictions.of([rollout(arrays, by_policy(Seer(arrays, doubt=0.3), arrays))], WEIGHT))
    assert found.ece == pytest.approx(0.3, abs=0.01)


def test_a_run_that_its_budget_ended_is_judged_by_its_last_decision(tmp_path):
    trees = {"f/a": [node(answer_cost=0), node(("program",), score=1.0, cost=300, answer_cost=0, terminal=True)]}
    arrays = BankArrays.of(write_bank(tmp_path / "b", trees))
    claims = Predictions.of([rollout(arrays, by_policy(Seer(arrays), arrays))], WEIGHT)
    assert claims.predicted.tolist() == pytest.approx([1.0]) and claims.observed.tolist() == [1.0]


def test_runs_with_samples_count_by_their_chance(tmp_path):
    arrays = BankArrays.of(random_bank(tmp_path / "b", seed=2, tasks=6))
    claims = Predictions.of([rollout(arrays, by_policy(Seer(arrays), arrays))], WEIGHT)
    assert claims.weight.sum() == pytest.approx(len(arrays.tasks))


def test_who_gives_no_values_makes_no_claims(arrays):
    silent = rollout(arrays, by_policy(RandomPolicy(ACTIONS), arrays))
    assert Predictions.of([silent], WEIGHT) is None and Predictions.of([silent, silent], WEIGHT) is None
