"""Ridge: it leaves the one-bit rule where it is sure of something better, and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.errors import PolicyError, SpecMismatch
from pilotage.navigator.evaluation.folds import cross_fit
from pilotage.navigator.evaluation.names import CandidateOptions, candidate
from pilotage.navigator.evaluation.trainings import Trainings
from pilotage.navigator.policies.load import load_policy
from pilotage.navigator.policies.ridge import RidgePolicy
from pilotage.navigator.policies.rules.one_bit import one_bit
from pilotage.navigator.training.algorithms.ridge import _posterior, fit_ridge
from pilotage.navigator.values.rollout import by_policy, rollout
from tests.navigator.banks import write_bank
from tests.navigator.test_experience import ACTIONS, META, OBSERVATIONS, node


def told(one, kind):
    values = np.array(one.observation)
    values[OBSERVATIONS.names.index("kind_numeric")] = float(kind == "numeric")
    values[OBSERVATIONS.names.index("kind_text")] = float(kind == "text")
    return replace(one, observation=values.tolist())


def recorded(folder, tasks, noise=0.0):
    """Programs solve numeric tasks and reasoning those in text, but for noise."""
    generator, trees = np.random.default_rng(3), {}
    for place in range(tasks):
        kind = ("numeric", "text")[place % 2]
        steps = []
        for block in ("program", "reason"):
            right = (block == "program") == (kind == "numeric")
            score = float(generator.random() < 0.5) if generator.random() < noise else float(right)
            steps.append(node((block,), score, answered=True))
        trees[f"{kind}-{place}", kind] = [told(one, kind) for one in (node(), *steps)]
    return write_bank(folder, trees, META)


def first(policy, kind):
    decision = policy.decide(np.array(told(node(), kind).observation, dtype=np.float32), np.ones(3, dtype=bool))
    return ACTIONS.names[decision.action], decision


def test_it_leaves_the_rule_where_it_is_sure(tmp_path):
    policy = fit_ridge(recorded(tmp_path / "b", 60))
    assert (first(policy, "numeric")[0], first(policy, "text")[0]) == ("program", "reason")
    assert first(policy, "text")[1].why.startswith("worth 0.9")


def test_it_stays_with_the_rule_where_nothing_is_to_be_known(tmp_path):
    bank = recorded(tmp_path / "b", 60, noise=1.0)
    arrays = BankArrays.of(bank)
    policy, rule = fit_ridge(bank), one_bit(ACTIONS, OBSERVATIONS)
    ours, theirs = (rollout(arrays, by_policy(one, arrays)).decided for one in (policy, rule))
    assert np.array_equal(ours, theirs)


def test_few_tasks_teach_nothing(tmp_path):
    policy = fit_ridge(recorded(tmp_path / "b", 8))
    assert (first(policy, "numeric")[0], first(policy, "text")[0]) == ("program", "program")


def test_caution_is_in_standard_errors(tmp_path):
    policy = fit_ridge(recorded(tmp_path / "b", 60, noise=0.4))
    policy.caution = 1e9
    assert first(policy, "text")[0] == "program"


def test_a_task_counts_once_whatever_its_states():
    generator = np.random.default_rng(2)
    design = np.column_stack([generator.normal(size=60), np.ones(60)])
    target, task = generator.normal(size=60), np.arange(60)
    once = _posterior(design, target, task)
    thrice = _posterior(np.repeat(design, 3, axis=0), np.repeat(target, 3), np.repeat(task, 3))
    for one, other in zip(once, thrice, strict=True):
        assert np.allclose(one, other, rtol=1e-4)


def test_the_file_holds_all_of_it(tmp_path):
    policy = fit_ridge(recorded(tmp_path / "b", 60), cost_weight=0.2)
    policy.save(tmp_path / "p.safetensors")
    loaded = load_policy(tmp_path / "p.safetensors", ACTIONS, OBSERVATIONS)
    assert isinstance(loaded, RidgePolicy) and loaded.cost_weight == 0.2
    assert first(loaded, "text")[1] == first(policy, "text")[1]
    policy.save(tmp_path / "again.safetensors")
    assert (tmp_path / "p.safetensors").read_bytes() == (tmp_path / "again.safetensors").read_bytes()


def test_odd_ones_are_refused(tmp_path):
    policy = fit_ridge(recorded(tmp_path / "b", 60))
    policy.save(tmp_path / "p.safetensors")
    with pytest.raises(PolicyError, match="no effort to set"):
        load_policy(tmp_path / "p.safetensors", ACTIONS, OBSERVATIONS, effort="low")
    with pytest.raises(PolicyError, match="do not fit its header"):
        RidgePolicy(policy.header, policy.scaling, policy.weights[:, 1:], policy.covariance)
    with pytest.raises(PolicyError, match="do not fit its header"):
        RidgePolicy(policy.header, policy.scaling, policy.weights * np.nan, policy.covariance)
    with pytest.raises(SpecMismatch):
        policy.decide(np.full(len(OBSERVATIONS), np.nan, dtype=np.float32), np.ones(3, dtype=bool))


def test_an_evaluation_knows_it(tmp_path):
    bank = recorded(tmp_path / "b", 60)
    options, trainings = CandidateOptions(bank, 0.1), Trainings(bank, tmp_path / "work")
    rolled = [candidate("ridge", options).rollout(fold, 0, trainings) for fold in cross_fit(bank, 4)]
    assert np.mean([one.outcomes.accuracy for one in rolled]) == pytest.approx(1.0)
