"""The rules by which puzzles are routed where no other policy is named: look, program, repair, draw, write down."""

from __future__ import annotations

from pilotage.agent.arc.blocks import registry
from pilotage.agent.routing.observation import Observer
from pilotage.navigator.policies.rules.rule_policy import Rule, RulePolicy

NAME = "arc"
DRAWS = 2
"""Further programs at a temperature, while none is right on all training pairs."""
REPAIRS = 2

RULES: tuple[Rule, ...] = (
    Rule("a program is right on all training pairs", lambda o: o.examples_passed == 1, "answer"),
    Rule("nothing was looked at yet", lambda o: o.steps_taken == 0, "look"),
    Rule("no program was written yet", lambda o: o.count_program == 0, "program"),
    Rule("the program is wrong on a training pair", lambda o: o.program == -1 and o.count_reflect < REPAIRS, "reflect"),
    Rule("no program is right on all training pairs", lambda o: o.count_sample < DRAWS, "sample"),
    Rule("the outputs can be written down without a program", lambda o: o.count_reason == 0, "reason"),
)


def arc_policy() -> RulePolicy:
    """The policy of these rules over the blocks for puzzles."""
    blocks = registry()
    return RulePolicy(blocks.actions, Observer(blocks, "free").spec, RULES, NAME)
