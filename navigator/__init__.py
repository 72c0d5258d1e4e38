"""navigator: which block next. Numbers in, an action out; it knows nothing of prompts, text or LLMs."""

from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.bank.records import BankMeta, Node, TaskHeader, Tree
from pilotage.navigator.bank.writer import BankWriter
from pilotage.navigator.dynamics import Dynamics, Transition
from pilotage.navigator.envs import register
from pilotage.navigator.envs.recorded import RecordedDynamics
from pilotage.navigator.errors import (
    BankError,
    EnvError,
    LogError,
    NavigatorError,
    PolicyError,
    ReportError,
    SpecMismatch,
)
from pilotage.navigator.policies.epsilon import EpsilonPolicy
from pilotage.navigator.policies.frequency_matched import FrequencyMatchedPolicy
from pilotage.navigator.policies.learned import LearnedPolicy
from pilotage.navigator.policies.load import load_policy
from pilotage.navigator.policies.nearest import NearestPolicy
from pilotage.navigator.policies.policy import Decision, FixedPolicy, Policy, RandomPolicy
from pilotage.navigator.policies.rules.rule_policy import Rule, RulePolicy
from pilotage.navigator.spaces import ActionSpec, Feature, ObservationSpec

if __name__ != "pilotage.navigator":  # two copies of its classes would be worse than an error
    raise ImportError(f"import pilotage.navigator, not {__name__}: the folder that holds this package is on the path")

register()

__all__ = [
    "ActionSpec",
    "Bank",
    "BankError",
    "BankMeta",
    "BankWriter",
    "Decision",
    "Dynamics",
    "EnvError",
    "EpsilonPolicy",
    "Feature",
    "FixedPolicy",
    "FrequencyMatchedPolicy",
    "LearnedPolicy",
    "LogError",
    "NavigatorError",
    "NearestPolicy",
    "Node",
    "ObservationSpec",
    "Policy",
    "PolicyError",
    "RandomPolicy",
    "RecordedDynamics",
    "ReportError",
    "Rule",
    "RulePolicy",
    "SpecMismatch",
    "TaskHeader",
    "Transition",
    "Tree",
    "load_policy",
]
