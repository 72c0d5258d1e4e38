"""The navigator that pilotage ships: what the policy `default` stands for."""

from __future__ import annotations

from pathlib import Path

from pilotage.navigator.errors import SpecMismatch
from pilotage.navigator.policies.in_distribution import InDistributionPolicy
from pilotage.navigator.policies.learned import LearnedPolicy
from pilotage.navigator.policies.load import load_policy
from pilotage.navigator.policies.policy import Policy
from pilotage.navigator.policies.rules import RulePolicy
from pilotage.navigator.spaces import ActionSpec, ObservationSpec

FILE = Path(__file__).with_name("default.safetensors")
"""Trained on `examples/banks/mixed`; `pilotage policy show default` tells how."""


def shipped(actions: ActionSpec, observations: ObservationSpec, effort: str | float | None = None) -> Policy:
    """The shipped network where it was trained for these actions and features, the rules on all else.

    The effort is that of `load_policy`, which says what is raised; without one, specs that do not fit raise nothing.
    """
    name = "default" if effort is None else f"default@{effort}"
    rules = RulePolicy(actions, observations, name=name)
    try:
        trained = load_policy(FILE, actions, observations, effort)
    except SpecMismatch:
        if effort is not None:
            raise
        return rules
    assert isinstance(trained, LearnedPolicy)  # the file that is shipped
    return InDistributionPolicy(trained, rules, name)
