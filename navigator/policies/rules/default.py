"""The policy that pilotage ships as its default: a cascade of routes, by rules that anybody can read.

Two numbers in it were fitted, those of `cascade.Doubt`: `default.json` holds them and the tasks on which
they were, so that nobody judges it on these. What it gains is in docs/shipped-navigator.md.
"""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path

from pilotage.navigator.errors import PolicyError, SpecMismatch
from pilotage.navigator.policies.rules.cascade import READS, Doubt, cascade
from pilotage.navigator.policies.rules.one_bit import FIRST_ANSWER, REPLY
from pilotage.navigator.policies.rules.rule_policy import TWO_ROUTES, Rule, RulePolicy, View, is_short_question
from pilotage.navigator.spaces import ActionSpec, ObservationSpec

NAME = "default"
FILE = Path(__file__).with_name("default.json")
EFFORTS = ("low", "medium", "high")
"""One route; a second one where the first is in doubt; where the two disagree, draws until two routes agree."""
DRAWS = 2


class DefaultPolicy(RulePolicy):
    """The rules at an effort.

    Attributes:
        tasks_learned: ids of the tasks that its doubt was fitted on.
    """

    def __init__(self, actions: ActionSpec, observations: ObservationSpec, effort: str | float | None = None) -> None:
        doubt, tasks = _fitted()
        possible = [rule for rule in rules_at(effort, doubt) if rule.action in actions.names]
        super().__init__(actions, observations, possible, NAME if effort is None else f"{NAME}@{effort}")
        self.tasks_learned: tuple[str, ...] = tasks if effort != "low" else ()
        blank = View(observations, observations.low)
        try:
            for name in READS:
                getattr(blank, name)
            for rule in possible:
                rule.applies(blank)
        except SpecMismatch as error:
            raise SpecMismatch(f"the default policy does not fit these features ({error}): name another one") from error


def shipped_doubt() -> Doubt:
    """The doubt that is shipped; raises PolicyError where the installation is damaged."""
    return _fitted()[0]


def rules_at(effort: str | float | None, doubt: Doubt) -> tuple[Rule, ...]:
    """The rules at an effort, medium for None; raises PolicyError where it has no such effort."""
    if effort is not None and effort not in EFFORTS:
        raise PolicyError(
            f"the default policy has the efforts {', '.join(EFFORTS)}, not {effort!r}; a number is for a policy that "
            "was trained with an effort input, such as --policy network"
        )
    routes = FIRST_ANSWER if effort == "low" else cascade(doubt, DRAWS if effort == "high" else 0)
    return (
        REPLY,
        *map(_with_examples, TWO_ROUTES),
        Rule("nothing more to try on the examples", lambda o: o.examples > 0, "answer"),
        Rule("a short question with nothing to compute", is_short_question, "answer"),
        *routes,
    )


def _with_examples(rule: Rule) -> Rule:
    """A rule for tasks with worked examples alone: these tell a right program from a wrong one, so more is tried."""

    def applies(o: View) -> bool:
        return o.examples > 0 and rule.applies(o)

    return Rule(rule.why, applies, rule.action)


@cache
def _fitted() -> tuple[Doubt, tuple[str, ...]]:
    """The doubt of the file, where null is none, and the tasks."""
    try:
        fitted = json.loads(FILE.read_text())
        mean, least = (-math.inf if one is None else float(one) for one in fitted["doubt"])
        return Doubt(mean, least), tuple(map(str, fitted["tasks"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PolicyError(f"{FILE} is damaged ({error}): install pilotage anew") from error
