"""one-bit: a program first; where it gives no answer, reason from the task alone.

All that it reads is whether something was answered. Nothing in it was trained, so it is the same on kinds of task that
nobody has met, and what every evaluation compares with.
"""

from __future__ import annotations

from pilotage.navigator.policies.rules.rule_policy import Rule, RulePolicy, View, is_open
from pilotage.navigator.spaces import ActionSpec, ObservationSpec

NAME = "one-bit"

FIRST_ANSWER: tuple[Rule, ...] = (
    Rule("nothing was computed yet", lambda o: o.candidates + o.count_program == 0, "program"),
    Rule("the program gave no answer", lambda o: o.candidates + o.count_reason == 0, "reason"),
)
REPLY = Rule("a request to reply to", is_open, "answer")
ANSWERED = Rule("there is an answer", lambda o: o.candidates > 0, "answer")
RULES: tuple[Rule, ...] = (REPLY, ANSWERED, *FIRST_ANSWER)


def one_bit(actions: ActionSpec, observations: ObservationSpec) -> RulePolicy:
    """The policy for these actions and features; raises SpecMismatch where they lack one that it needs."""
    blank = View(observations, observations.low)
    for rule in RULES:
        rule.applies(blank)  # reads the features by name
    return RulePolicy(actions, observations, RULES, NAME)
