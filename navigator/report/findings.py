"""What an evaluation shows, in sentences computed from its numbers.

A policy is called more or less accurate only where the interval of the difference leaves out 0 and the p-value,
corrected for the number of comparisons, is below 0.05. Everything else is 'not significantly different', whatever the
point estimate.
"""

from __future__ import annotations

from typing import Literal

from pilotage.navigator.evaluation.comparison_parts import Comparison
from pilotage.navigator.evaluation.schema import BEST_FIXED, Evaluation, PolicyFigures
from pilotage.navigator.report.wording import (
    counted,
    listed,
    named,
    number,
    p_value,
    percent,
    percent_between,
    points,
    points_between,
    tokens,
    tokens_between,
)

LEVEL = 0.05

Verdict = Literal["more", "less", "uncorrected", "same"]


def verdict(interval: tuple[float, float], corrected_p: float | None) -> Verdict:
    """What may be said of a difference; `uncorrected` where its interval leaves out 0 but its p does not hold."""
    if interval[0] <= 0 <= interval[1]:
        return "same"
    if corrected_p is not None and corrected_p >= LEVEL:
        return "uncorrected"
    return "more" if interval[0] > 0 else "less"


def is_significant(one: Comparison) -> bool:
    """Whether one of the two may be called more accurate."""
    return verdict(one.interval, one.holm_p) in ("more", "less")


def usable(data: Evaluation) -> list[PolicyFigures]:
    """The policies that could be used, by falling value; an oracle sees the answers."""
    return sorted((one for one in data.policies if one.kind != "oracle"), key=lambda one: -one.value)


def focus(data: Evaluation) -> PolicyFigures:
    """The policy that the report looks at most closely: the learned one of highest value, else the best usable."""
    ranked = usable(data) or sorted(data.policies, key=lambda policy: -policy.value)
    return next((policy for policy in ranked if policy.kind == "learned"), ranked[0])


def headline(data: Evaluation) -> list[str]:
    """The main finding: who comes first, how it compares with the best fixed sequence, what of the gap is closed."""
    ranked = usable(data)
    if not ranked:
        return ["Only an oracle was evaluated, which sees the answers: it is a ceiling, not a policy to use."]
    best, weight = ranked[0], data.protocol.cost_weight
    value = "accuracy" if weight == 0 else f"value (share right minus {number(weight, 3).rstrip('0')} per 1,000 tokens)"
    among = f"Of {counted(len(ranked), 'usable policy', 'usable policies')}" if len(ranked) > 1 else "Of one policy"
    sentences = [f"{among}, {named(best.name)} has the highest {value} on these tasks: {_scores(best)}."]
    sentences += _against_the_rest(data, best)
    learned = focus(data)
    if learned.kind == "learned" and learned.name != best.name:
        sentences.append(f"The learned policy of highest value is {named(learned.name)}: {_scores(learned)}.")
        sentences += _against_the_rest(data, learned)
    elif all(policy.kind != "learned" for policy in ranked):
        sentences.append("No learned policy was among them.")
    return sentences


def _against_the_rest(data: Evaluation, policy: PolicyFigures) -> list[str]:
    """Sentences on one policy's comparisons: best fixed in full, then the names of the others."""
    own = [seen for one in data.comparisons if (seen := _seen_from(one, policy.name)) is not None]
    if not own and len(data.policies) > 1:
        return ["It was compared with no other, so what is chance in it is not known."]
    sentences = [
        text
        for one in own
        if one.against == BEST_FIXED
        for text in (comparison(one), *robust(one), *value(one), *gap(one))
    ]
    oracles = {one.name for one in data.policies if one.kind == "oracle"}  # its ceiling is no rival
    rivals: dict[Verdict, list[str]] = {"more": [], "less": [], "same": []}
    for one in own:
        if one.against not in oracles | {BEST_FIXED}:
            shown = verdict(one.interval, one.holm_p)
            rivals["same" if shown == "uncorrected" else shown].append(named(one.against))
    texts: dict[Verdict, str] = {
        "more": "It answers significantly more tasks right than",
        "less": "It answers significantly fewer tasks right than",
        "same": "In accuracy it is not significantly different from",
    }
    return sentences + [f"{texts[kind]} {listed(names)}." for kind, names in rivals.items() if names]


def _seen_from(one: Comparison, name: str) -> Comparison | None:
    """A comparison with this policy in first place; None where it takes no part."""
    if one.policy == name:
        return one
    if one.against != name:
        return None
    ratio, between = one.cost_ratio, one.cost_ratio_interval
    turned = {
        "policy": name,
        "against": one.policy,
        "difference": -one.difference,
        "interval": (-one.interval[1], -one.interval[0]),
        "better": one.worse,
        "worse": one.better,
        "value_difference": one.value_difference and -one.value_difference,
        "value_interval": one.value_interval and (-one.value_interval[1], -one.value_interval[0]),
        "family_interval": one.family_interval and (-one.family_interval[1], -one.family_interval[0]),
        "with_room": None,
        "cost_ratio": 1 / ratio if ratio else None,
        "cost_ratio_interval": (1 / between[1], 1 / between[0]) if between and between[0] > 0 else None,
        "gap_closed": None,
        "gap_closed_interval": None,
    }
    return one.model_copy(update=turned)


def comparison(one: Comparison) -> str:
    """One comparison in words: accuracy, how sure that is, and cost."""
    shown = verdict(one.interval, one.holm_p)
    how = f"significantly {shown} accurate than" if is_significant(one) else "not significantly different from"
    what = {"same": " in accuracy", "uncorrected": " in accuracy once the number of comparisons counts"}.get(shown, "")
    p = f", p {p_value(one.holm_p)} after correction" if one.holm_p is not None else ""
    return (
        f"{named(one.policy)} is {how} {named(one.against)}{what} ({points(one.difference)} points, 95% interval "
        f"{points_between(one.interval)}{p}){_cost(one)}."
    )


def robust(one: Comparison) -> list[str]:
    """Whether the difference holds for other families, and on those with room; nothing where that is not known."""
    sentences = []
    if one.family_interval is not None:
        sentences.append(f"With families drawn anew as well, the interval is {points_between(one.family_interval)}.")
    if one.with_room is not None and one.with_room.tasks < one.tasks:
        sentences.append(
            f"On the {counted(one.with_room.tasks, 'task')} of families that leave room the difference is "
            f"{points(one.with_room.difference)} points ({points_between(one.with_room.interval)})."
        )
    return sentences


def _cost(one: Comparison) -> str:
    if one.cost_ratio is None:
        return ""
    share = f"{100 * one.cost_ratio:,.0f}%"
    if one.cost_ratio_interval is None:
        return f", at {share} of its tokens (no interval)"
    low, high = one.cost_ratio_interval
    between = f"{100 * low:,.0f} to {100 * high:,.0f}%"
    if not low <= 1 <= high:
        return f", at {share} of its tokens ({between})"
    alike = "its cost is not significantly different" if is_significant(one) else "nor is its cost"
    return f"; {alike} ({share} of the tokens, {between})"


def value(one: Comparison) -> list[str]:
    """One comparison in value; nothing where that is not known."""
    if one.value_difference is None or one.value_interval is None:
        return []
    low, high = one.value_interval
    between = f"95% interval {number(low, 3)} to {number(high, 3)}, not corrected for the number of comparisons"
    if low <= 0 <= high:
        return [f"In value the two are not significantly different ({number(one.value_difference, 3)}, {between})."]
    where = "ahead" if low > 0 else "behind"
    return [f"In value it is {where} by {number(abs(one.value_difference), 3)} ({between})."]


def gap(one: Comparison) -> list[str]:
    """What share of the gap in value from the best fixed sequence to the oracle is closed; nothing where not known."""
    if one.gap_closed is None:
        return []
    between = "the gap in value between the best fixed sequence and the oracle"
    if one.gap_closed <= 0:
        return [f"It closes none of {between}."]
    share, sure = f"{100 * one.gap_closed:.0f}%", verdict(one.interval, one.holm_p) == "more"
    if one.gap_closed_interval is not None:
        share += f" (95% interval {percent_between(one.gap_closed_interval, 0)})"
        sure = one.gap_closed_interval[0] > 0
    if sure:
        return [f"It closes {share} of {between}."]
    return [f"Its point estimate closes {share} of {between}, which is not told from none."]


def _scores(policy: PolicyFigures) -> str:
    return (
        f"{percent(policy.accuracy)} right (95% interval {percent_between(policy.accuracy_interval)}) for "
        f"{tokens(policy.cost)} tokens a task ({tokens_between(policy.cost_interval)})"
    )
