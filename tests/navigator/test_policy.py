from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.navigator import (
    ActionSpec,
    Decision,
    Feature,
    FixedPolicy,
    ObservationSpec,
    PolicyError,
    RandomPolicy,
    SpecMismatch,
)
from pilotage.navigator.policies.policy import require_legal

NAMES = ("reason", "plan", "program", "verify", "answer")
ACTIONS = ActionSpec(NAMES)
OBSERVATIONS = ObservationSpec(tuple(Feature(f"count_{name}", 0, 8) for name in NAMES[:-1]))


def after(*route):
    counts = Counter(route)
    return OBSERVATIONS.vector({f"count_{name}": counts[name] for name in NAMES[:-1]})


def walk(policy, mask, longest=10):
    """The route that a policy takes where the mask never changes."""
    route = []
    while len(route) < longest:
        name = NAMES[policy.decide(after(*route), mask).action]
        if name == "answer":
            return route
        route.append(name)
    return route


def test_a_fixed_policy_runs_its_sequence():
    policy = FixedPolicy(["plan", "reason", "reason", "answer"], ACTIONS, OBSERVATIONS)
    assert walk(policy, ACTIONS.mask(NAMES)) == ["plan", "reason", "reason"]


def test_a_fixed_policy_leaves_out_what_is_not_legal():
    policy = FixedPolicy(["program", "reason", "verify"], ACTIONS, OBSERVATIONS)
    assert walk(policy, ACTIONS.mask(["reason", "verify"])) == ["reason", "verify"]


def test_a_fixed_policy_answers_when_nothing_is_left():
    policy = FixedPolicy(["program"], ACTIONS, OBSERVATIONS)
    assert walk(policy, ACTIONS.mask(["reason"])) == []


def test_an_empty_sequence_and_an_unknown_block_are_refused():
    with pytest.raises(PolicyError, match="at least one action"):
        FixedPolicy([], ACTIONS, OBSERVATIONS)
    with pytest.raises(SpecMismatch, match="unknown action 'ponder'"):
        FixedPolicy(["ponder"], ACTIONS, OBSERVATIONS)


@given(st.lists(st.sampled_from(NAMES[:-1]), min_size=1, max_size=6), st.sets(st.sampled_from(NAMES)))
def test_a_fixed_policy_is_always_legal_and_ends(sequence, legal):
    mask = ACTIONS.mask(legal)
    policy = FixedPolicy(sequence, ACTIONS, OBSERVATIONS)
    route = walk(policy, mask)
    assert route == [name for name in sequence if name in legal]


@given(st.sets(st.sampled_from(NAMES)), st.lists(st.sampled_from(NAMES[:-1]), max_size=6), st.integers(0, 99))
def test_a_random_policy_is_legal_and_repeats_itself(legal, route, seed):
    mask = ACTIONS.mask(legal)
    first = RandomPolicy(ACTIONS, seed).decide(after(*route), mask)
    assert mask[first.action]
    assert first == RandomPolicy(ACTIONS, seed).decide(after(*route), mask)


def test_a_random_policy_uses_every_legal_action():
    mask = ACTIONS.mask(NAMES)
    seen = {RandomPolicy(ACTIONS, seed).decide(after(), mask).action for seed in range(200)}
    assert seen == set(range(len(NAMES)))


@pytest.mark.parametrize("action", [0, -1, 99])
def test_an_illegal_choice_is_caught(action):
    with pytest.raises(SpecMismatch, match="legal here: answer"):
        require_legal(Decision(action), np.array([False] * 4 + [True]), ACTIONS)
