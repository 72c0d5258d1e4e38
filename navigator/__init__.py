"""navigator: which block next. Numbers in, an action out; it knows nothing of prompts, text or LLMs."""

from navigator.errors import NavigatorError, PolicyError, SpecMismatch
from navigator.policy import Decision, FixedPolicy, Policy, RandomPolicy
from navigator.rules import Rule, RulePolicy
from navigator.spaces import ActionSpec, Feature, ObservationSpec

__all__ = [
    "ActionSpec",
    "Decision",
    "Feature",
    "FixedPolicy",
    "NavigatorError",
    "ObservationSpec",
    "Policy",
    "PolicyError",
    "RandomPolicy",
    "Rule",
    "RulePolicy",
    "SpecMismatch",
]
