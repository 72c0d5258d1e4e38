"""The policy that pilotage ships as its default: one route or a cascade of them, by rules that anybody can read.

Its higher efforts have two numbers that were fitted, those of `cascade.Doubt`: `default.json` holds them and the
tasks on which they were, so that nobody judges them on these. What each effort gains is in docs/shipped-navigator.md.
"""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path

from pilotage.navigator.errors import PolicyError, SpecMismatch
from pilotage.navigator.policies.policy import Decision
from pilotage.navigator.policies.rules.cascade import Doubt, cascade, require_features
from pilotage.navigator.policies.rules.one_bit import ANSWERED, FIRST_ANSWER, REPLY
from pilotage.navigator.policies.rules.rule_policy import TWO_ROUTES, Rule, RulePolicy, View, is_short_question
from pilotage.navigator.spaces import ActionMask, ActionSpec, Observation, ObservationSpec

NAME = "default"
FILE = Path(__file__).with_name("default.json")
EFFORTS = ("low", "medium", "high")
"""One route; a second one where the first is in doubt; where the two disagree, draws until two routes agree."""
SHIPPED_EFFORT = "low"
"""What is taken where none is set: on tasks that had no say in the doubt, more routes brought too little."""
DRAWS = 2


class DefaultPolicy:
    """Routes by rules; tasks with worked examples, which tell a right program from a wrong one, go by `rules`.

    Args:
        actions: the action list.
        observations: the features.
        effort: one of `EFFORTS`; `SHIPPED_EFFORT` for None.
        doubt: another one than that which is shipped.

    Attributes:
        tasks_learned: marks of the tasks that its doubt was fitted on: ids, and fingerprints of what they show; none
            at low effort, which doubts nothing.

    Raises:
        PolicyError: it has no such effort.
        SpecMismatch: a feature that it reads is missing.
    """

    def __init__(
        self,
        actions: ActionSpec,
        observations: ObservationSpec,
        effort: str | float | None = None,
        doubt: Doubt | None = None,
    ) -> None:
        shipped, tasks = _fitted()
        self.name = NAME if effort is None else f"{NAME}@{effort}"
        self.tasks_learned = tasks if doubt is None and (effort or SHIPPED_EFFORT) != "low" else ()
        self._observations = observations
        self._by_examples, self._cascade = (
            RulePolicy(actions, observations, [rule for rule in rules if rule.action in actions.names], self.name)
            for rules in (TWO_ROUTES, rules_at(effort, shipped if doubt is None else doubt))
        )
        blank = View(observations, observations.low)
        try:
            require_features(observations)
            for rule in (*self._by_examples.rules, *self._cascade.rules):
                rule.applies(blank)
        except SpecMismatch as error:
            raise SpecMismatch(f"the default policy does not fit these features ({error}): name another one") from error

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Those for tasks without worked examples, the first that applies first."""
        return self._cascade.rules

    def decide(self, observation: Observation, mask: ActionMask) -> Decision:
        """The action of the first rule that applies and that the mask allows."""
        has_examples = self._observations.value(observation, "examples") > 0
        return (self._by_examples if has_examples else self._cascade).decide(observation, mask)


def shipped_doubt() -> Doubt:
    """The doubt that is shipped; raises PolicyError where the installation is damaged."""
    return _fitted()[0]


def rules_at(effort: str | float | None, doubt: Doubt) -> tuple[Rule, ...]:
    """The rules for tasks without worked examples; raises PolicyError where it has no such effort."""
    effort = SHIPPED_EFFORT if effort is None else effort
    if effort not in EFFORTS:
        raise PolicyError(
            f"the default policy has the efforts {', '.join(EFFORTS)}, not {effort!r}; a number is for a policy that "
            "was trained with an effort input, such as --policy network"
        )
    return (
        REPLY,
        Rule("a short question with nothing to compute", is_short_question, "answer"),
        *((ANSWERED, *FIRST_ANSWER) if effort == "low" else cascade(doubt, DRAWS if effort == "high" else 0)),
    )


@cache
def _fitted() -> tuple[Doubt, tuple[str, ...]]:
    """The doubt of the file, where null is none, and the tasks."""
    try:
        fitted = json.loads(FILE.read_text())
        mean, least = (-math.inf if one is None else float(one) for one in fitted["doubt"])
        return Doubt(mean, least), tuple(map(str, fitted["tasks"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PolicyError(f"{FILE} is damaged ({error}): install pilotage anew") from error
