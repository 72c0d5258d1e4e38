"""Rule files: a RulePolicy as TOML, for people who want to write one without Python.

    [[rule]]
    do = "verify"
    why = "one route alone is not enough"
    when = { candidates = "== 1", leader_mean_logprob = "< -0.06" }

The first rule whose conditions all hold and whose action is legal decides; without `when` a rule always applies. Where
no rule applies, the run ends with an answer. A file whose numbers were fitted says to which tasks, by their ids and the
fingerprints of what they show, so that it is not judged on these:

    [fitted]
    model = "embedded:qwen2.5-coder-1.5b"
    tasks = ["gsm8k-15", "001d61cae7421ef9"]
"""

from __future__ import annotations

import operator
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

from pilotage.common.faults import reason_of
from pilotage.common.files import read_ordinary
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
        content = tomllib.loads(read_ordinary(expanded(path)).decode("utf-8-sig"))
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
    return RulePolicy(actions, observations, rules, name=f"rules:{path.name}", tasks_learned=_fitted_to(path, content))


def _fitted_to(path: Path, content: Mapping[str, object]) -> tuple[str, ...]:
    """Marks of the tasks that the rules were fitted to; raises PolicyError where what stands there says none."""
    if unknown := sorted(content.keys() - {"rule", "fitted"}):
        raise PolicyError(f"{path}: unknown key {unknown[0]!r:.80}; a rule file has [[rule]] tables, and [fitted]")
    if "fitted" not in content:
        return ()
    fitted = content["fitted"]
    tasks = fitted.get("tasks") if isinstance(fitted, dict) else None
    if not isinstance(tasks, list) or not tasks or not all(isinstance(task, str) for task in tasks):
        raise PolicyError(f'{path}: [fitted] names the tasks that the rules were fitted to, as in tasks = ["id", ...]')
    return tuple(tasks)


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
