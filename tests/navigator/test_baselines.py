"""The policies that a trained navigator is compared with: linear, nearest neighbour, matched random."""

from collections import Counter

import numpy as np
import pytest

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.errors import PolicyError, SpecMismatch
from pilotage.navigator.policies.frequency_matched import FrequencyMatchedPolicy
from pilotage.navigator.policies.load import load_policy
from pilotage.navigator.training.algorithms.linear import fit_linear
from pilotage.navigator.training.algorithms.nearest import fit_nearest
from pilotage.navigator.values.rollout import by_policy, rollout
from tests.navigator.banks import ACTIONS, BLOCKS, OBSERVATIONS, learnable_bank, node, observed, random_bank, write_bank


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return learnable_bank(tmp_path_factory.mktemp("bank") / "b", tasks=60)


@pytest.fixture(scope="module")
def parts(bank):
    return bank.split({"train": 0.7, "test": 0.3}, seed=0)


def one_by_one(policy):
    return lambda rows, masks: np.array([policy.decide(r, m).action for r, m in zip(rows, masks, strict=True)])


def played(policy, bank, tasks):
    arrays = BankArrays.of(bank, tasks)
    return rollout(arrays, by_policy(policy, arrays)).outcomes


def test_nearest_neighbours_find_the_way_on_unseen_tasks(bank, parts):
    found = played(fit_nearest(bank, parts["train"], 0.1), bank, parts["test"])
    assert found.correct.mean() == 1
    assert found.cost.mean() < 0.35, "always running every block costs 0.65"


def test_a_linear_policy_beats_every_single_block(bank, parts):
    found = played(fit_linear(bank, parts["train"], 0.1), bank, parts["test"])
    assert found.correct.mean() > 0.75


def test_a_linear_policy_with_a_dial_spends_less_at_less_effort(bank, parts):
    policy = fit_linear(bank, parts["train"], effort_input=True)
    costs = [played(policy.with_effort(effort), bank, parts["test"]).cost.mean() for effort in ("low", "high")]
    assert costs[0] < costs[1]


@pytest.mark.parametrize("fit", [fit_linear, fit_nearest])
def test_a_baseline_survives_its_file_and_any_bank(tmp_path, fit):
    for seed in range(3):
        made = random_bank(tmp_path / f"b{seed}", seed=seed)
        policy = fit(made, cost_weight=0.2)
        policy.save(tmp_path / "p.safetensors")
        again = load_policy(tmp_path / "p.safetensors", made.actions, made.observations)
        arrays = BankArrays.of(made)
        legal = arrays.legal | np.eye(len(ACTIONS), dtype=bool)[-1]
        assert one_by_one(policy)(arrays.features, legal).tolist() == one_by_one(again)(arrays.features, legal).tolist()


def test_nearest_neighbours_do_not_learn_from_their_own_future(tmp_path):
    """Ten tasks that look alike: which block is right differs. To who knows the task, its state is worth 1."""

    def tree(right):
        ways = [("verify", name) for name in ("reason", "program")]
        ends = [node(way, score=float(way[-1] == right), cost=0, answer_cost=0) for way in ways]
        return [node(answer_cost=0), node(("verify",), cost=0, answer_cost=0), *ends]

    made = write_bank(tmp_path / "b", {f"f/{n}": tree(("reason", "program")[n % 2]) for n in range(10)})
    policy = fit_nearest(made, cost_weight=0.0, k=9)
    start, verify = BankArrays.of(made).roots, ACTIONS.index("verify")
    assert 0.4 < policy.values[start, verify].max() < 0.6


def test_nearest_refuses_an_effort_a_bad_k_and_a_bad_observation(bank, tmp_path):
    with pytest.raises(PolicyError, match="at least 1"):
        fit_nearest(bank, k=0)
    policy = fit_nearest(bank, bank.tasks[:9])
    policy.save(tmp_path / "p.safetensors")
    with pytest.raises(PolicyError, match="no effort to set"):
        load_policy(tmp_path / "p.safetensors", bank.actions, bank.observations, effort="low")
    with pytest.raises(SpecMismatch, match="not finite"):
        policy.decide(np.full(len(OBSERVATIONS), np.nan, dtype=np.float32), ACTIONS.mask(()))


def matched(routes, seed=0):
    """Matches routes, by what followed the same blocks in any order."""
    frequencies = {}
    for route in routes:
        blocks = [name for name in route if name != "answer"]
        for place, name in enumerate([*blocks, "answer"]):
            counts = tuple(blocks[:place].count(block) for block in BLOCKS)
            frequencies.setdefault(counts, [0] * len(ACTIONS))[ACTIONS.index(name)] += 1
    return FrequencyMatchedPolicy(ACTIONS, OBSERVATIONS, frequencies, seed)


def test_matched_random_runs_as_many_of_each_block_as_the_other_policy():
    routes = [("program", "answer")] * 60 + [("program", "verify", "answer")] * 30 + [("answer",)] * 10
    policy = matched(routes, seed=1)
    everything = np.ones(len(ACTIONS), dtype=np.bool_)
    counts, episodes = Counter(), 2000
    for episode in range(episodes):
        route = []
        while True:
            row = np.array(observed(route, cue=episode / episodes), dtype=np.float32)
            name = ACTIONS.names[policy.decide(row, everything).action]
            counts[name] += 1
            if name == "answer":
                break
            route.append(name)
    assert counts["program"] / episodes == pytest.approx(0.9, abs=0.03)
    assert counts["verify"] / episodes == pytest.approx(0.3, abs=0.03)
    assert counts["reason"] == 0


def test_matched_random_repeats_itself_and_stays_legal():
    policy = matched([("program", "verify"), ("reason",)])
    row = np.array(observed(()), dtype=np.float32)
    assert policy.decide(row, ACTIONS.mask(("reason", "program"))) == policy.decide(
        row, ACTIONS.mask(("reason", "program"))
    )
    assert ACTIONS.names[policy.decide(row, ACTIONS.mask(("reason",))).action] == "reason"
    assert ACTIONS.names[policy.decide(row, ACTIONS.mask(("verify",))).action] == "answer"
    elsewhere = np.array(observed(("verify",)), dtype=np.float32)
    assert ACTIONS.names[policy.decide(elsewhere, np.ones(4, dtype=np.bool_)).action] == "answer"


@pytest.mark.parametrize("fit", [fit_nearest, fit_linear], ids=["nearest", "linear"])
def test_at_weight_0_fitted_values_still_tell_the_cheaper_of_equals(tmp_path, fit):
    """Reasoning comes first in the action list; both end right, and a program costs a third."""
    trees = {
        f"t{n}": [node(cue=n / 20), node(["reason"], score=1, cost=300), node(["program"], score=1, cost=100)]
        for n in range(20)
    }
    bank = write_bank(tmp_path, trees)
    policy = fit(bank, cost_weight=0.0)
    root = np.array(bank.tree("t3").root.observation, dtype=np.float32)
    assert policy.decide(root, ACTIONS.mask(("reason", "program"))).action == ACTIONS.index("program")
