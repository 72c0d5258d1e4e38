"""cascade: a program, and a second, independent route where the program's own tokens were unsure.

A cascade asks for more only where what is cheap is not trusted (FrugalGPT, Chen et al. 2023, section 3; of one model's
programs and reasoning Yue et al. 2024). What is trusted here costs no call: the log-probabilities of the tokens that
the model wrote its program in. On recorded tasks of a 1.5B model, where the program was sure and reasoning came to
something else, the program was right ten times as often as the reasoning; where it was unsure, a third as often.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pilotage.navigator.policies.rules.one_bit import ANSWERED, FIRST_ANSWER
from pilotage.navigator.policies.rules.rule_policy import Rule, View
from pilotage.navigator.spaces import ObservationSpec

UNKNOWN = -20.0
"""What the features of log-probabilities say where a model tells none."""

READS = ("leader_executed", "leader_mean_logprob", "leader_min_logprob", "count_reason")
"""Features that a cascade reads beside those of the one-bit rule."""


def require_features(observations: ObservationSpec) -> None:
    """Raises SpecMismatch where one that a cascade goes by is missing."""
    for name in READS:
        observations.value(observations.low, name)


@dataclass(frozen=True)
class Doubt:
    """When a program is unsure of itself. Where a model tells no log-probabilities nobody knows.

    Attributes:
        mean: mean token log-probability below which it is.
        least: log-probability of its least likely token below which it is, too.
    """

    mean: float = -math.inf
    least: float = -math.inf

    def of(self, o: View) -> bool | None:
        """Whether the leading answer is of a program that was unsure; None where it is of none, or nothing tells."""
        if o.leader_executed != 1 or o.leader_mean_logprob <= UNKNOWN:
            return None
        return o.leader_mean_logprob < self.mean or o.leader_min_logprob < self.least


def cascade(doubt: Doubt, most_draws: int = 0) -> tuple[Rule, ...]:
    """The rules of one: a program, reasoning where it gives no answer or is in doubt, and then the likelier answer.

    Args:
        doubt: when a second route is taken.
        most_draws: draws of the leading route at most, until two routes agree, where the two came to different answers.
    """
    disagree = Rule(
        "the two routes disagree",
        lambda o: o.candidates >= 2 and o.leader_routes == 1 and o.count_sample < most_draws,
        "sample",
    )
    return (
        Rule("two independent routes agree", lambda o: o.leader_routes >= 2, "answer"),
        *FIRST_ANSWER,
        Rule("the program was unsure of itself", lambda o: o.count_reason == 0 and doubt.of(o) is True, "reason"),
        *([disagree] if most_draws else []),
        Rule(
            "the program was sure of itself",
            lambda o: o.candidates == 1 and o.count_reason == 0 and doubt.of(o) is False,
            "answer",
        ),
        ANSWERED,
    )
