import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.navigator.errors import PolicyError, SpecMismatch
from pilotage.navigator.policies.inputs import Scaling
from pilotage.navigator.policies.learned import LearnedPolicy
from pilotage.navigator.policies.load import load_policy
from pilotage.navigator.spaces import ActionSpec, Feature, ObservationSpec
from tests.navigator.banks import ACTIONS, OBSERVATIONS, observed
from tests.navigator.policies import by_bounds, header, layers, masks, network, observations

START = np.array(observed(()), dtype=np.float32)
EVERYTHING = np.ones(len(ACTIONS), dtype=np.bool_)


@pytest.mark.parametrize("dial", [False, True])
@pytest.mark.parametrize("hidden", [(), (16,), (16, 8, 4)])
def test_one_decision_and_a_batch_agree(hidden, dial):
    policy = network(1, hidden, dial=dial)
    rows, legal = observations(500), masks(500)
    decisions = [policy.decide(row, mask) for row, mask in zip(rows, legal, strict=True)]
    assert [d.action for d in decisions] == policy.choose(rows, legal).tolist()
    assert np.allclose([d.values for d in decisions], policy.outputs(rows), atol=1e-5)


@given(st.integers(0, 2**20), st.booleans())
def test_one_decision_and_a_batch_agree_where_inputs_are_standardised_and_clipped(seed, dial):
    narrow = (OBSERVATIONS.low + 0.01 * (observations(20, seed) - OBSERVATIONS.low)).astype(np.float32)
    scaling = Scaling.from_data(OBSERVATIONS, narrow)  # what is far from these rows is cut off
    plain = network(seed, dial=dial)
    policy = LearnedPolicy(plain.header, plain.layers, scaling)
    rows = np.concatenate([observations(20, seed + 1), narrow, [OBSERVATIONS.low, OBSERVATIONS.high]])
    values = [policy.decide(row, EVERYTHING).values for row in rows.astype(np.float32)]
    assert np.allclose(values, policy.outputs(rows.astype(np.float32)), atol=1e-5)


def test_a_scale_that_is_not_positive_is_refused():
    scaling = by_bounds(OBSERVATIONS)
    scaling.scale[2] = 0
    with pytest.raises(PolicyError, match="do not fit its header"):
        LearnedPolicy(header(), layers(), scaling)


@given(st.integers(0, 2**20))
def test_a_decision_is_legal_and_was_tried(seed):
    policy = network(seed, tried=[[[0, 0, 0], [1]], [[0, 1, 0], [0, 2]]])
    row, mask = observations(1, seed)[0], masks(1, seed)[0]
    row[3:6] = np.random.default_rng(seed).integers(0, 2, 3)
    action = policy.decide(row, mask).action
    assert mask[action] and policy.support.mask(row)[action]


def test_the_file_gives_the_same_policy_back(tmp_path):
    policy = network(2, dial=True, effort="high", tried=[[[0, 0, 0], [0, 1]]])
    policy.save(tmp_path / "p.safetensors")
    again = load_policy(tmp_path / "p.safetensors", ACTIONS, OBSERVATIONS, effort="high")
    rows, legal = observations(200), masks(200)
    assert np.array_equal(policy.outputs(rows), again.outputs(rows))
    assert policy.choose(rows, legal).tolist() == again.choose(rows, legal).tolist()
    assert again.header == policy.header
    policy.save(tmp_path / "q.safetensors")
    assert (tmp_path / "p.safetensors").read_bytes() == (tmp_path / "q.safetensors").read_bytes()


def test_the_dial_is_an_input_of_the_network():
    policy = network(3, dial=True)
    low, high = policy.with_effort("low"), policy.with_effort(0.9)
    assert not np.allclose(low.decide(START, EVERYTHING).values, high.decide(START, EVERYTHING).values)
    assert low.cost_weight > policy.cost_weight > high.cost_weight
    rows = np.array([START, START])
    assert np.allclose(policy.outputs(rows, np.array([0.2, 0.9])), [low.outputs(rows)[0], high.outputs(rows)[1]])


def test_an_effort_without_a_dial_is_refused():
    with pytest.raises(PolicyError, match="--effort-input"):
        network(effort="low")


def test_logits_are_not_shown_as_values():
    decision = network(output="preference").decide(START, EVERYTHING)
    assert decision.values is None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_observation_that_is_not_finite_is_refused_by_name(bad):
    row = START.copy()
    row[6] = bad
    with pytest.raises(SpecMismatch, match="not finite"):
        network().decide(row, EVERYTHING)


def test_an_observation_of_another_length_is_refused():
    with pytest.raises(SpecMismatch, match=r"shape \(9,\)"):
        network().decide(np.zeros(9, dtype=np.float32), EVERYTHING)


def test_a_mask_without_any_action_is_refused():
    with pytest.raises(SpecMismatch, match="allows no action"):
        network().decide(START, ~EVERYTHING)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda good: good[1:],
        lambda good: good[:-1],
        lambda good: [(good[0][0], good[0][1][:-1]), *good[1:]],
        lambda good: [(good[0][0] * np.nan, good[0][1]), *good[1:]],
        lambda good: [],
    ],
)
def test_layers_that_do_not_fit_are_refused(wrong):
    with pytest.raises(PolicyError, match="do not fit its header"):
        LearnedPolicy(header(), wrong(layers()), by_bounds(OBSERVATIONS))


def test_other_actions_or_features_are_refused_with_what_differs(tmp_path):
    path = tmp_path / "p.safetensors"
    network().save(path)
    with pytest.raises(SpecMismatch, match="trained for the actions reason, program"):
        load_policy(path, ActionSpec(("program", "reason", "verify", "answer")), OBSERVATIONS)
    more = ObservationSpec((*OBSERVATIONS.features, Feature("p_right", -1, 1)))
    with pytest.raises(SpecMismatch, match="unknown to it: p_right"):
        load_policy(path, ACTIONS, more)
    wider = ObservationSpec((Feature("steps_taken", 0, 99), *OBSERVATIONS.features[1:]))
    with pytest.raises(SpecMismatch, match="other bounds"):
        load_policy(path, ACTIONS, wider)


def test_loading_and_deciding_needs_no_torch(tmp_path):
    network().save(tmp_path / "p.safetensors")
    code = (
        "import sys, numpy as np\n"
        "from pilotage.navigator.policies.load import load_policy\n"
        "from pilotage.navigator.policies.policy_file import read_policy\n"
        f"h, _ = read_policy(__import__('pathlib').Path({str(tmp_path / 'p.safetensors')!r}))\n"
        f"p = load_policy({str(tmp_path / 'p.safetensors')!r}, h.actions, h.observations)\n"
        "p.decide(h.observations.low, np.ones(len(h.actions), dtype=bool))\n"
        "heavy = {'torch', 'stable_baselines3'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
