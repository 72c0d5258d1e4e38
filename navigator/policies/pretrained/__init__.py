"""The trained navigator that pilotage ships beside its default: what the policy `network` stands for."""

from __future__ import annotations

from pathlib import Path

from pilotage.navigator.errors import SpecMismatch
from pilotage.navigator.policies.in_distribution import InDistributionPolicy
from pilotage.navigator.policies.learned import LearnedPolicy
from pilotage.navigator.policies.load import among, read
from pilotage.navigator.policies.policy import Policy
from pilotage.navigator.policies.rules.rule_policy import RulePolicy
from pilotage.navigator.spaces import ActionSpec, ObservationSpec

NAME = "network"
FILE = Path(__file__).with_name("network.safetensors")
"""Trained on `examples/banks/mixed`; `pilotage policy show network` tells how."""


def shipped(actions: ActionSpec, observations: ObservationSpec, effort: str | float | None = None) -> Policy:
    """The shipped network where these actions and features hold those of its training, and the rules elsewhere.

    The effort is that of `load_policy`, which says what is raised; without one, specs that do not fit raise nothing.
    """
    name = NAME if effort is None else f"{NAME}@{effort}"
    trained = read(FILE, effort)
    assert isinstance(trained, LearnedPolicy)  # the file that is shipped
    header = trained.header
    rules = RulePolicy(header.actions, header.observations, name=name)
    try:
        return among(InDistributionPolicy(trained, rules, name), header, actions, observations)
    except SpecMismatch:
        if effort is not None:
            raise
        return RulePolicy(actions, observations, name=name)
