"""Comparison of policies on the same tasks, those of the evaluation or others: difference, cost, and exact tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from pilotage.common.statistics import are_won_or_lost, holm, mcnemar_exact, sign_flip
from pilotage.navigator.bank.arrays import Float64s
from pilotage.navigator.evaluation.bootstrap import Interval, Resampler, interval
from pilotage.navigator.evaluation.comparison_parts import Comparison, Transfer, WithRoom
from pilotage.navigator.evaluation.power import power_of
from pilotage.navigator.evaluation.records import Record
from pilotage.navigator.evaluation.schema import BEST_FIXED
from pilotage.navigator.spaces import ActionMask

Target = Literal["family", "bank"]
_SAME = 1e-9


@dataclass(frozen=True)
class Terms:
    """What all comparisons of an evaluation on m tasks are made with.

    Attributes:
        resampler: draws of tasks.
        by_family: draws of families, and of tasks within them; None where there are too few families.
        cost_weight: what a thousand tokens are worth.
        oracle: what the gap is measured to.
        room: bool (m,): tasks of families that leave room; None where that is not known.
    """

    resampler: Resampler
    by_family: Resampler | None
    cost_weight: float
    oracle: Record | None = None
    room: ActionMask | None = None


def compare(
    records: Sequence[Record], against: Sequence[Record], terms: Terms, tried: int = 0
) -> tuple[list[Comparison], int]:
    """Every record but the oracle's with each of `against`, and how many comparisons the p-values are adjusted for.

    A pair without a task that the bank can tell of for both is left out; one that stands there twice, turned, is one
    comparison.

    Args:
        records: whom to compare.
        against: with whom.
        terms: intervals, values, families.
        tried: variants beside these that were looked at; each counts as compared with each of `against`.
    """
    others = [one for one in records if one.candidate.kind != "oracle"]
    pairs = [(o, other) for other in against for o in others if o.name != other.name and (o.known & other.known).any()]
    further = tried * len(against)
    number = len({frozenset((one.name, other.name)) for one, other in pairs}) + further
    made = [_compare(one, other, terms, number) for one, other in pairs]
    return adjusted(made, further), number


def adjusted(made: Sequence[Comparison], further: int = 0) -> list[Comparison]:
    """The same with p-values adjusted for their number, and for `further` comparisons that nobody has the p-value of.

    A pair that stands there twice, turned, is one comparison.
    """
    p_values = holm({frozenset((one.policy, one.against)): one.p for one in made if one.p is not None}, further)
    return [one.model_copy(update={"holm_p": p_values.get(frozenset((one.policy, one.against)))}) for one in made]


def _compare(one: Record, other: Record, terms: Terms, hypotheses: int) -> Comparison:
    cost_weight, resampler, by_family = terms.cost_weight, terms.resampler, terms.by_family
    worth = one.value(cost_weight) - other.value(cost_weight)
    closed, closed_interval = _gap(worth, other, terms.oracle, resampler, cost_weight)
    found = paired(Scored.of(one), Scored.of(other), resampler, by_family, hypotheses)
    return found.model_copy(
        update={
            "value_difference": float(np.nanmean(worth)),
            "value_interval": resampler.mean(worth),
            "value_family_interval": _over_families(by_family, worth),
            "gap_closed": closed,
            "gap_closed_interval": closed_interval,
            "with_room": _with_room(one, other, one.score - other.score, worth, terms),
        }
    )


@dataclass(frozen=True)
class Scored:
    """What somebody reached on m tasks.

    Attributes:
        name: who.
        score: of each task, float (m,), mean over samples and seeds; NaN where it is not known.
        cost: of each in thousands of tokens, (m,); NaN likewise.
    """

    name: str
    score: Float64s
    cost: Float64s

    @classmethod
    def of(cls, record: Record) -> Self:
        """What a record says."""
        return cls(record.name, record.score, record.mean_cost)

    @property
    def known(self) -> ActionMask:
        """Tasks whose score is known, bool (m,)."""
        return np.isfinite(self.score)


def paired(
    one: Scored, other: Scored, resampler: Resampler, by_family: Resampler | None = None, hypotheses: int = 1
) -> Comparison:
    """One against another on the tasks that are known of both, before anything is adjusted or valued.

    Args:
        one: whom to compare.
        other: with whom.
        resampler: draws of tasks.
        by_family: draws of families, and of tasks within them; None where there are too few families.
        hypotheses: how many comparisons the p-value will be adjusted for: what its power is told by.
    """
    common = one.known & other.known
    first, second = np.where(common, one.score, np.nan), np.where(common, other.score, np.nan)
    gain = first - second
    better = int(((first > 0.5) & (second <= 0.5)).sum())
    worse = int(((first <= 0.5) & (second > 0.5)).sum())
    won_or_lost = are_won_or_lost(gain[common].tolist())
    ratio, costs = _ratio(one, other, common), (one.cost, other.cost)
    return Comparison(
        policy=one.name,
        against=other.name,
        tasks=int(common.sum()),
        difference=float(np.nanmean(gain)),
        interval=resampler.mean(gain),
        family_interval=_over_families(by_family, gain),
        better=better,
        worse=worse,
        mcnemar_p=mcnemar_exact(better, worse) if won_or_lost else None,
        permutation_p=sign_flip(gain[common].tolist(), seed=resampler.seed),
        cost_ratio=ratio,
        cost_ratio_interval=None if ratio is None else resampler.ratio(*costs),
        cost_ratio_family_interval=None if ratio is None else by_family and by_family.ratio(*costs),
        power=power_of(gain[common], hypotheses),
    )


def _over_families(by_family: Resampler | None, column: Float64s) -> Interval | None:
    """Interval of a mean with families drawn anew; None where too few of them are known."""
    return by_family.mean(column) if by_family is not None and by_family.knows(column) else None


def _ratio(one: Scored, other: Scored, tasks: ActionMask) -> float | None:
    paid, others_paid = float(one.cost[tasks].mean()), float(other.cost[tasks].mean())
    return paid / others_paid if others_paid > 0 else None


def _with_room(one: Record, other: Record, gain: Float64s, worth: Float64s, terms: Terms) -> WithRoom | None:
    if terms.room is None or not (there := terms.room & np.isfinite(gain)).any():
        return None
    gain = np.where(there, gain, np.nan)
    return WithRoom(
        tasks=int(there.sum()),
        difference=float(np.nanmean(gain)),
        interval=terms.resampler.mean(gain),
        family_interval=_over_families(terms.by_family, gain),
        value_difference=float(worth[there].mean()),
        cost_ratio=_ratio(Scored.of(one), Scored.of(other), there),
    )


def _gap(
    worth: Float64s, other: Record, oracle: Record | None, resampler: Resampler, cost_weight: float
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
