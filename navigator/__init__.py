"""navigator: which block next. Numbers in, an action out; it knows nothing of prompts, text or LLMs."""

from navigator.bank import Bank, BankMeta, BankWriter, Node, TaskHeader, Tree
from navigator.dynamics import Dynamics, Transition
from navigator.errors import BankError, EnvError, LogError, NavigatorError, PolicyError, ReportError, SpecMismatch
from navigator.exploring import EpsilonPolicy
from navigator.learned import LearnedPolicy
from navigator.load import load_policy
from navigator.matched import MatchedPolicy
from navigator.nearest import NearestPolicy
from navigator.policy import Decision, FixedPolicy, Policy, RandomPolicy
from navigator.registration import register_when_imported
from navigator.replay import RecordedDynamics
from navigator.rules import Rule, RulePolicy
from navigator.spaces import ActionSpec, Feature, ObservationSpec

register_when_imported()

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
    "LearnedPolicy",
    "LogError",
    "MatchedPolicy",
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
