"""Policies by name: `default`, `random`, `fixed:plan,program,answer`, or a rule file."""

from __future__ import annotations

from pathlib import Path

from agent.errors import UsageError
from navigator.errors import NavigatorError
from navigator.policy import FixedPolicy, Policy, RandomPolicy
from navigator.rule_file import load_rules
from navigator.rules import RulePolicy
from navigator.spaces import ActionSpec, ObservationSpec


def policy_for(name: str, actions: ActionSpec, observations: ObservationSpec, seed: int = 0) -> Policy:
    """The policy that a name stands for; raises UsageError where it stands for none."""
    if name == "default":
        return RulePolicy(actions, observations)
    if name == "random":
        return RandomPolicy(actions, seed)
    try:
        if name.startswith("fixed:"):
            sequence = [entry.strip() for entry in name.removeprefix("fixed:").split(",") if entry.strip()]
            return FixedPolicy(sequence, actions, observations)
        if name.endswith(".toml"):
            return load_rules(Path(name), actions, observations)
    except NavigatorError as error:
        raise UsageError(str(error)) from error
    raise UsageError(
        f"unknown policy {name!r}; use default, random, a rule file (.toml), or fixed:<block>,<block>,... with blocks "
        f"from {', '.join(actions.names)}"
    )
