"""Comparison of policies on the same tasks, those of the evaluation or others: difference, cost, and exact tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from pilotage.common.statistics import are_won_or_lost, holm, mcnemar_exact, sign_flip
from pilotage.navigator.bank.arrays import Floats
from pilotage.navigator.evaluation.bootstrap import Interval, Resampler, interval
from pilotage.navigator.evaluation.records import Record
from pilotage.navigator.evaluation.schema import BEST_FIXED, Comparison, Transfer

Target = Literal["family", "bank"]
_SAME = 1e-9


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
    others = [one for one in records if one.name != against.name and one.candidate.kind != "oracle"]
    pairs = [
        _compare(one, against, resampler, cost_weight, oracle) for one in others if (one.known & against.known).any()
    ]
    adjusted = holm({pair.policy: pair.p for pair in pairs if pair.p is not None})
    return [pair.model_copy(update={"holm_p": adjusted[pair.policy]}) for pair in pairs]


def _compare(one: Record, other: Record, resampler: Resampler, cost_weight: float, oracle: Record | None) -> Comparison:
    common = one.known & other.known
    first, second = np.where(common, one.score, np.nan), np.where(common, other.score, np.nan)
    gain, worth = first - second, one.value(cost_weight) - other.value(cost_weight)
    better = int(((first > 0.5) & (second <= 0.5)).sum())
    worse = int(((first <= 0.5) & (second > 0.5)).sum())
    won_or_lost = are_won_or_lost(gain[common].tolist())
    paid, others_paid = float(np.nanmean(one.mean_cost[common])), float(np.nanmean(other.mean_cost[common]))
    closed, closed_interval = _gap(worth, other, oracle, resampler, cost_weight)
    return Comparison(
        policy=one.name,
        against=other.name,
        tasks=int(common.sum()),
        difference=float(np.nanmean(gain)),
        interval=resampler.mean(gain),
        better=better,
        worse=worse,
        mcnemar_p=mcnemar_exact(better, worse) if won_or_lost else None,
        permutation_p=sign_flip(gain[common].tolist(), seed=resampler.seed),
        cost_ratio=paid / others_paid if others_paid > 0 else None,
        cost_ratio_interval=resampler.ratio(one.mean_cost, other.mean_cost) if others_paid > 0 else None,
        value_difference=float(np.nanmean(worth)),
        value_interval=resampler.mean(worth),
        gap_closed=closed,
        gap_closed_interval=closed_interval,
    )


def _gap(
    worth: Floats, other: Record, oracle: Record | None, resampler: Resampler, cost_weight: float
) -> tuple[float | None, Interval | None]:
    if oracle is None or other.name != BEST_FIXED:
        return None, None
    whole = np.where(np.isfinite(worth), oracle.value(cost_weight) - other.value(cost_weight), np.nan)
    if np.nanmean(whole) <= _SAME:
        return None, None
    draws = resampler.means(worth, whole)
    low, high = interval(np.where(draws[:, 1] > _SAME, draws[:, 0] / np.maximum(draws[:, 1], _SAME), np.nan))
    return float(np.nanmean(worth) / np.nanmean(whole)), None if np.isnan(low) else (low, high)


def transfer(records: Sequence[Record], kind: Target, held_out: str, resamples: int, seed: int) -> list[Transfer]:
    """Policies on what none of them was trained on, against the best fixed sequence, whose record is the first.

    Args:
        records: what they did there; those of which nothing is known are left out, and so are those that turn out to
            have asked a trained policy, which has tasks of its own.
        kind: whether families or a bank were held out.
        held_out: which.
        resamples: draws of the bootstrap.
        seed: of these draws.
    """
    base, *others = records
    resampler = Resampler(len(base.tasks), resamples, seed)
    rows = []
    for one in others:
        common = one.known & base.known
        if not common.any() or not one.candidate.is_transferable(one.provenance.is_learned):
            continue
        gain = np.where(common, one.score - base.score, np.nan)
        rows.append(
            Transfer(
                policy=one.name,
                kind=kind,
                held_out=held_out,
                tasks=int(common.sum()),
                accuracy=float(one.score[common].mean()),
                cost=float(one.mean_cost[common].mean()),
                best_fixed_accuracy=float(base.score[common].mean()),
                best_fixed_cost=float(base.mean_cost[common].mean()),
                difference=float(np.nanmean(gain)),
                interval=resampler.mean(gain),
            )
        )
    return rows
