"""Rule files: a RulePolicy as TOML, for people who want to write one without Python.

    [[rule]]
    do = "verify"
    why = "one route alone is not enough"
    when = { candidates = "== 1", leader_mean_logprob = "< -0.06" }

The first rule whose conditions all hold and whose action is legal decides; without `when` a rule always applies. Where
no rule applies, the run ends with an answer.
"""

from __future__ import annotations

import operator
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

from pilotage.common.faults import reason_of
from pilotage.common.paths import expanded
from pilotage.navigator.errors import PolicyError, SpecMismatch
from pilotage.navigator.policies.rules.rule_policy import Rule, RulePolicy, View
from pilotage.navigator.spaces import ActionSpec, ObservationSpec

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
CONDITION = re.compile(r"\s*(==|!=|<=|>=|<|>)\s*(-?\d+(?:\.\d+)?)\s*")


def load_rules(path: Path, actions: ActionSpec, observations: ObservationSpec) -> RulePolicy:
    """The policy in a rule file, named after it; raises PolicyError, naming the rule, where it cannot be read."""
    try:
        content = tomllib.loads(expanded(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise PolicyError(f"cannot read the policy file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PolicyError(f"{path} is no rule file: {reason_of(error)}") from error
    entries = content.get("rule")
    if not isinstance(entries, list) or not entries:
        raise PolicyError(f"{path} holds no [[rule]]; a rule file needs at least one")
    rules = []
    for number, entry in enumerate(entries, 1):
        try:
            rules.append(_rule(entry, actions, observations))
        except (PolicyError, SpecMismatch) as error:
            raise PolicyError(f"{path}, rule {number}: {error}") from error
    return RulePolicy(actions, observations, rules, name=f"rules:{path.name}")


def _rule(entry: object, actions: ActionSpec, observations: ObservationSpec) -> Rule:
    if not isinstance(entry, Mapping):
        raise PolicyError('a rule is a table, [[rule]] with do = "program"')
    unknown = sorted(entry.keys() - {"do", "why", "when"})
    if unknown:
        raise PolicyError(f"unknown key {unknown[0]!r}; a rule has do, why and when")
    if not isinstance(entry.get("do"), str):
        raise PolicyError('name the action, for example do = "program"')
    actions.index(entry["do"])
    conditions = entry.get("when", {})
    if not isinstance(conditions, dict):
        raise PolicyError('when is a table of features, for example when = { candidates = "== 0" }')
    tests = [_condition(feature, text, observations) for feature, text in conditions.items()]
    return Rule(str(entry.get("why", "a rule of the file")), lambda o: all(test(o) for test in tests), entry["do"])


def _condition(feature: str, text: object, observations: ObservationSpec) -> Callable[[View], bool]:
    if feature not in observations.names:
        raise PolicyError(f"unknown feature {feature!r}; there are {', '.join(observations.names)}")
    match = CONDITION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise PolicyError(f'{feature} = {text!r} is no condition; write one as "== 0", "> -0.5", "<= 2"')
    compare, bound = OPERATORS[match[1]], float(match[2])
    return lambda o: compare(getattr(o, feature), bound)
