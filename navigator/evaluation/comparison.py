"""Comparison of two policies on the same tasks: difference, cost, exact tests, and how much of the possible is won."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pilotage.common.statistics import holm, mcnemar_exact, sign_flip
from pilotage.navigator.bank.arrays import Floats
from pilotage.navigator.evaluation.bootstrap import Interval, Resampler, interval
from pilotage.navigator.evaluation.candidates import BestFixed
from pilotage.navigator.evaluation.records import Record

_SAME = 1e-9


@dataclass(frozen=True)
class Comparison:
    """`policy` against `against`, on the tasks that the bank can tell of for both. Intervals are 95%, over tasks.

    Attributes:
        policy: the one.
        against: the other.
        tasks: how many tasks.
        difference: of the accuracies.
        interval: of the difference.
        better: tasks that only `policy` is right on; being right is an expected score, over samples and seeds, above
            one half.
        worse: tasks that only `against` is right on.
        mcnemar_p: exact two-sided p-value of better against worse (McNemar 1947).
        holm_p: the same, adjusted for all comparisons with `against` (Holm 1979).
        permutation_p: two-sided p-value of the differences themselves by flipping signs, without any rounding to right
            and wrong (Fisher 1935).
        cost_ratio: mean cost of the one by that of the other; NaN where the other costs nothing.
        cost_ratio_interval: of the ratio; None likewise.
        value_difference: of the values, score less weighted cost.
        value_interval: of that difference.
        gap_closed: share of the gap in value between the best fixed sequence and the oracle that `policy` closes; None
            where `against` is another one, where there is no gap, or no oracle.
        gap_closed_interval: of that share.
    """

    policy: str
    against: str
    tasks: int
    difference: float
    interval: Interval
    better: int
    worse: int
    mcnemar_p: float
    holm_p: float
    permutation_p: float
    cost_ratio: float
    cost_ratio_interval: Interval | None
    value_difference: float
    value_interval: Interval
    gap_closed: float | None
    gap_closed_interval: Interval | None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return dict(vars(self))


def compare(
    records: Sequence[Record],
    against: Record,
    resampler: Resampler,
    cost_weight: float,
    oracle: Record | None = None,
) -> list[Comparison]:
    """Every record but the oracle's and `against` itself, against that one; p-values adjusted for all of them.

    A pair without a task that the bank can tell of for both is left out.
    """
    others = [one for one in records if one.name != against.name and one.contender.kind != "oracle"]
    found = [
        _compare(one, against, resampler, cost_weight, oracle) for one in others if (one.known & against.known).any()
    ]
    adjusted = holm({one.policy: one.mcnemar_p for one in found})
    return [replace(one, holm_p=adjusted[one.policy]) for one in found]


def _compare(one: Record, other: Record, resampler: Resampler, cost_weight: float, oracle: Record | None) -> Comparison:
    common = one.known & other.known
    first, second = np.where(common, one.score, np.nan), np.where(common, other.score, np.nan)
    gain, worth = first - second, one.value(cost_weight) - other.value(cost_weight)
    better = int(((first > 0.5) & (second <= 0.5)).sum())
    worse = int(((first <= 0.5) & (second > 0.5)).sum())
    p = mcnemar_exact(better, worse)
    paid, others_paid = float(np.nanmean(one.paid[common])), float(np.nanmean(other.paid[common]))
    closed, closed_interval = _gap(worth, other, oracle, resampler, cost_weight)
    return Comparison(
        one.name,
        other.name,
        int(common.sum()),
        float(np.nanmean(gain)),
        resampler.mean(gain),
        better,
        worse,
        p,
        p,
        sign_flip(gain[common].tolist(), seed=resampler.seed),
        paid / others_paid if others_paid > 0 else float("nan"),
        resampler.ratio(one.paid, other.paid) if others_paid > 0 else None,
        float(np.nanmean(worth)),
        resampler.mean(worth),
        closed,
        closed_interval,
    )


def _gap(
    worth: Floats, other: Record, oracle: Record | None, resampler: Resampler, cost_weight: float
) -> tuple[float | None, Interval | None]:
    if oracle is None or not isinstance(other.contender, BestFixed):
        return None, None
    whole = np.where(np.isfinite(worth), oracle.value(cost_weight) - other.value(cost_weight), np.nan)
    if np.nanmean(whole) <= _SAME:
        return None, None
    draws = resampler.means(worth, whole)
    shares = np.where(draws[:, 1] > _SAME, draws[:, 0] / np.maximum(draws[:, 1], _SAME), np.nan)
    low, high = interval(shares)
    return float(np.nanmean(worth) / np.nanmean(whole)), None if np.isnan(low) else (low, high)
