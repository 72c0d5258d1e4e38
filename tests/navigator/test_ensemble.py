"""An ensemble is one network; going on from it, every seed begins with one of its members."""

import numpy as np
import pytest

from pilotage.navigator.errors import PolicyError
from pilotage.navigator.policies.learned import LearnedPolicy
from pilotage.navigator.training.ensemble import mean_network, members
from pilotage.navigator.training.train import Plan, train
from tests.navigator.banks import ACTIONS, OBSERVATIONS, learnable_bank
from tests.navigator.policies import by_bounds, header, layers, observations


@pytest.mark.parametrize("hidden", [(6,), (6, 4), (8, 8, 4)])
def test_an_ensemble_gives_back_its_members(hidden):
    networks = [layers(seed, hidden) for seed in range(3)]
    whole = mean_network(networks)
    back = members(whole, 3)
    for network, again in zip(networks, back, strict=True):
        for (weights, bias), (weights_again, bias_again) in zip(network[:-1], again[:-1], strict=True):
            assert (weights == weights_again).all() and (bias == bias_again).all()
        assert np.allclose(network[-1][0], again[-1][0], atol=1e-6)
    for (weights, bias), (weights_again, bias_again) in zip(whole, mean_network(back), strict=True):
        assert np.allclose(weights, weights_again, atol=1e-6) and np.allclose(bias, bias_again, atol=1e-6)


@pytest.mark.parametrize("hidden", [(6,), (6, 4), (8, 8, 4)])
def test_one_decision_goes_through_the_members_side_by_side(hidden):
    whole = mean_network([layers(seed, hidden) for seed in range(3)])
    policy = LearnedPolicy(header(), whole, by_bounds(OBSERVATIONS))
    assert [parts and parts[0] for _, parts, *_ in policy._hidden] == [None, *[3] * (len(hidden) - 1)]
    rows = observations(200)
    values = [policy.decide(row, np.ones(len(ACTIONS), dtype=bool)).values for row in rows]
    assert np.allclose(values, policy.outputs(rows), atol=1e-5)


def test_layers_that_are_no_ensemble_are_refused():
    with pytest.raises(PolicyError, match="not the mean of 5 networks"):
        members(layers(0, (6,)), 5)


@pytest.mark.parametrize("algorithm", ["cql", "qr-dqn"])
def test_a_training_goes_on_from_an_ensemble(tmp_path, algorithm):
    bank = learnable_bank(tmp_path / "b", tasks=15, depth=2)
    hyper = {"batch": 8, "hidden": (4, 4)}
    first = train(bank, Plan(algorithm, steps=40, seeds=3, ensemble=True, hyper=hyper), out=tmp_path / "p.safetensors")
    gentle = Plan(algorithm, steps=20, seeds=3, seed=7, ensemble=True, hyper={**hyper, "learning_rate": 1e-12})
    second = train(bank, gentle, resume=tmp_path / "p.safetensors")
    rows = observations(50)
    assert np.allclose(first.policy.outputs(rows), second.policy.outputs(rows), atol=1e-4)
    one = train(bank, Plan(algorithm, steps=20, seeds=1, hyper=hyper), resume=tmp_path / "p.safetensors")
    assert len(one.policy.layers[0][1]) == len(first.policy.layers[0][1]) // 3, "one seed goes on from one member"
