"""What an evaluation shows, in sentences computed from its numbers.

A policy is called more or less accurate only where the interval of the difference leaves out 0 and the p-value,
corrected for the number of comparisons, is below 0.05. Everything else is 'not significantly different', whatever the
point estimate.
"""

from __future__ import annotations

from typing import Literal

from pilotage.navigator.evaluation.schema import Comparison, Evaluation, PolicyFigures
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
BEST_FIXED = "best-fixed"
"""Name of the fixed sequence that was chosen on the training tasks."""

Verdict = Literal["more", "less", "uncorrected", "same"]


def verdict(interval: tuple[float, float], corrected_p: float | None) -> Verdict:
    """What may be said of a difference; `uncorrected` where its interval leaves out 0 but its p does not hold."""
    if interval[0] <= 0 <= interval[1]:
        return "same"
    if corrected_p is not None and corrected_p >= LEVEL:
        return "uncorrected"
    return "more" if interval[0] > 0 else "less"


def usable(data: Evaluation) -> list[PolicyFigures]:
    """The policies that could be used, by falling value; an oracle sees the answers."""
    found = [policy for policy in data.policies if policy.kind != "oracle"]
    return sorted(found, key=lambda policy: -policy.value)


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
    said = [f"{among}, {named(best.name)} has the highest {value} on these tasks: {_scores(best)}."]
    said += _against_the_rest(data, best)
    learned = focus(data)
    if learned.kind == "learned" and learned.name != best.name:
        said.append(f"The learned policy of highest value is {named(learned.name)}: {_scores(learned)}.")
        said += _against_the_rest(data, learned)
    elif all(policy.kind != "learned" for policy in ranked):
        said.append("No learned policy was among them.")
    return said


def _against_the_rest(data: Evaluation, policy: PolicyFigures) -> list[str]:
    """Sentences on one policy's comparisons: best fixed in full, then the names of the others."""
    own = [seen for one in data.comparisons if (seen := _seen_from(one, policy.name)) is not None]
    if not own:
        return (
            ["It was compared with no other, so what is chance in it is not known."] if len(data.policies) > 1 else []
        )
    said = [text for one in own if one.against == BEST_FIXED for text in (comparison(one), *value(one), *gap(one))]
    # An oracle's ceiling is no rival.
    oracles = {one.name for one in data.policies if one.kind == "oracle"}
    rest = [one for one in own if one.against != BEST_FIXED and one.against not in oracles]
    for kind, text in (
        ("more", "It answers significantly more tasks right than {}."),
        ("less", "It answers significantly fewer tasks right than {}."),
        (None, "In accuracy it is not significantly different from {}."),
    ):
        names = [
            named(one.against)
            for one in rest
            if (v := verdict(one.interval, one.holm_p)) == kind or (kind is None and v in ("same", "uncorrected"))
        ]
        if names:
            said.append(text.format(listed(names)))
    return said


def _seen_from(one: Comparison, name: str) -> Comparison | None:
    """A comparison with this policy in first place; None where it takes no part."""
    if one.policy == name:
        return one
    if one.against != name:
        return None
    ratio, low_high = one.cost_ratio, one.cost_ratio_interval
    turned = {
        "policy": name,
        "against": one.policy,
        "difference": -one.difference,
        "interval": (-one.interval[1], -one.interval[0]),
        "better": one.worse,
        "worse": one.better,
        "value_difference": None if one.value_difference is None else -one.value_difference,
        "value_interval": None if one.value_interval is None else (-one.value_interval[1], -one.value_interval[0]),
        "cost_ratio": 1 / ratio if ratio else None,
        "cost_ratio_interval": (1 / low_high[1], 1 / low_high[0]) if low_high and low_high[0] > 0 else None,
        "gap_closed": None,
        "gap_closed_interval": None,
    }
    return one.model_copy(update=turned)


def comparison(one: Comparison) -> str:
    """One comparison in words: accuracy, how sure that is, and cost."""
    first, second = named(one.policy), named(one.against)
    found = verdict(one.interval, one.holm_p)
    figures = f"{points(one.difference)} points, 95% interval {points_between(one.interval)}"
    if one.holm_p is not None:
        figures += f", p {p_value(one.holm_p)} after correction"
    match found:
        case "more" | "less":
            text = f"{first} is significantly {found} accurate than {second} ({figures})"
        case "uncorrected":
            but = "once the number of comparisons counts"
            text = f"{first} is not significantly different from {second} in accuracy {but} ({figures})"
        case _:
            text = f"{first} is not significantly different from {second} in accuracy ({figures})"
    return f"{text}{_cost(one)}."


def _cost(one: Comparison) -> str:
    if one.cost_ratio is None:
        return ""
    share = f"{100 * one.cost_ratio:,.0f}%"
    if one.cost_ratio_interval is None:
        return f", at {share} of its tokens (no interval)"
    low, high = one.cost_ratio_interval
    between = f"{100 * low:,.0f} to {100 * high:,.0f}%"
    if low <= 1 <= high:
        return f"; nor is its cost ({share} of the tokens, {between})" if _same(one) else _cost_alike(share, between)
    return f", at {share} of its tokens ({between})"


def _same(one: Comparison) -> bool:
    return verdict(one.interval, one.holm_p) in ("same", "uncorrected")


def _cost_alike(share: str, between: str) -> str:
    return f"; its cost is not significantly different ({share} of the tokens, {between})"


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
    share, interval = f"{100 * one.gap_closed:.0f}%", ""
    if one.gap_closed_interval is not None:
        low, high = one.gap_closed_interval
        interval = f" (95% interval {percent_between((low, high), 0)})"
        sure = low > 0
    else:
        sure = verdict(one.interval, one.holm_p) == "more"
    if sure:
        return [f"It closes {share}{interval} of {between}."]
    return [f"Its point estimate closes {share}{interval} of {between}, which is not told from none."]


def _scores(policy: PolicyFigures) -> str:
    return (
        f"{percent(policy.accuracy)} right (95% interval {percent_between(policy.accuracy_interval)}) for "
        f"{tokens(policy.cost)} tokens a task ({tokens_between(policy.cost_interval)})"
    )
