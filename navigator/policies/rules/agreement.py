"""vote and agree: draw the leading route again and take what most draws say, all of them or only until enough agree.

`vote:3` is self-consistency with three draws (Wang et al. 2023). `agree:2` is adaptive consistency (Aggarwal et al.
2023) with the plainest of stopping rules: it stops at two draws that agree. At most three are drawn, since two are then
the majority, so what leads in the end leads in the vote, too, for fewer tokens; `agree:2,5` draws up to five where they
go on disagreeing. The first draw is the one-bit rule's: a program, or where it gives no answer reasoning; what leads is
what `sample` draws again. Nothing in them is trained.
"""

from __future__ import annotations

from collections.abc import Sequence

from pilotage.navigator.errors import PolicyError, SpecMismatch
from pilotage.navigator.policies.rules.one_bit import FIRST_ANSWER, REPLY
from pilotage.navigator.policies.rules.rule_policy import Rule, RulePolicy, View
from pilotage.navigator.spaces import ActionSpec, ObservationSpec

VOTE, AGREE = "vote", "agree"
PREFIXES = (f"{VOTE}:", f"{AGREE}:")
FORMS = (f"{VOTE}:3", f"{AGREE}:2")
"""How the names of such policies begin, and what they look like."""

DRAW = "sample"


class AgreementPolicy(RulePolicy):
    """Draws again.

    Attributes:
        least_steps: blocks of a run that takes all its draws, the answer included.
    """

    least_steps: int


def agreement(name: str, actions: ActionSpec, observations: ObservationSpec) -> AgreementPolicy:
    """The policy of a name that begins with one of `PREFIXES`.

    Raises:
        PolicyError: its numbers make no sense.
        SpecMismatch: actions or features that it needs are missing.
    """
    kind, _, rest = name.partition(":")
    try:
        numbers = [int(one) for one in rest.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in ((1,) if kind == VOTE else (1, 2)) or numbers[0] < 2 or numbers[-1] < numbers[0]:
        raise PolicyError(
            f"{name!r} is no way to draw again: write vote:3 for three draws, agree:2 to stop at two that agree, or "
            "agree:2,5 for five draws at most; two are the least"
        )
    if kind == VOTE:
        return vote(numbers[0], actions, observations)
    return agree(numbers[0], actions, observations, *numbers[1:])


def vote(draws: int, actions: ActionSpec, observations: ObservationSpec) -> AgreementPolicy:
    """So many draws of the leading route, the first one included."""
    return _policy(f"{VOTE}:{draws}", None, draws, actions, observations)


def agree(
    agreeing: int, actions: ActionSpec, observations: ObservationSpec, most: int | None = None
) -> AgreementPolicy:
    """Draws until so many agree, `most` at most; by default as many as make the agreeing ones a majority."""
    name = f"{AGREE}:{agreeing}" if most is None else f"{AGREE}:{agreeing},{most}"
    return _policy(name, agreeing, 2 * agreeing - 1 if most is None else most, actions, observations)


def _rules(agreeing: int | None, most: int) -> Sequence[Rule]:
    enough = () if agreeing is None else (Rule("enough draws agree", lambda o: o.leader_routes >= agreeing, "answer"),)
    return (
        REPLY,
        *enough,
        *FIRST_ANSWER,
        Rule("not all is drawn", lambda o: o.count_sample < most - 1, DRAW),
    )


def _policy(
    name: str, agreeing: int | None, most: int, actions: ActionSpec, observations: ObservationSpec
) -> AgreementPolicy:
    if DRAW not in actions.names or f"count_{DRAW}" not in observations.names:
        raise SpecMismatch(
            f"{name} draws again by the block {DRAW}, which is not there: name it where that is recorded"
        )
    rules, blank = _rules(agreeing, most), View(observations, observations.low)
    for rule in rules:
        rule.applies(blank)  # reads the features by name
    policy = AgreementPolicy(actions, observations, rules, name)
    policy.least_steps = most + 1
    return policy
