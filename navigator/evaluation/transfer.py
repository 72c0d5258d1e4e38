"""Transfer: policies on families that they have never seen, or on the bank of another model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pilotage.navigator.evaluation.bootstrap import Resampler
from pilotage.navigator.evaluation.candidates import BestFixed, CandidatePolicy, ExistingPolicy, learned_from
from pilotage.navigator.evaluation.folds import Fold
from pilotage.navigator.evaluation.records import FrequencyMatched, Notify, Record, record
from pilotage.navigator.evaluation.schema import Transfer
from pilotage.navigator.evaluation.trainings import Trainings
from pilotage.navigator.policies.policy import RandomPolicy


@dataclass(frozen=True)
class How:
    """What a transfer is measured with: cost weight, draws of the bootstrap, and their seed."""

    cost_weight: float
    resamples: int
    seed: int


def movable(candidates: Sequence[CandidatePolicy], records: Sequence[Record] = ()) -> list[CandidatePolicy]:
    """Those worth moving: what learns or looks. A trained policy has tasks of its own; chance learns nothing.

    Args:
        candidates: who could.
        records: what they did, where that is known: some turn out to have asked a trained policy.
    """
    asked = {one.name for one in records if one.asked.is_learned}
    return [
        one
        for one in candidates
        if not isinstance(one, FrequencyMatched)
        and not (
            isinstance(one, ExistingPolicy)
            and (
                one.strict or one.name in asked or learned_from(one).is_learned or isinstance(one.policy, RandomPolicy)
            )
        )
    ]


def to_families(
    candidates: Sequence[CandidatePolicy],
    folds: Iterable[Fold],
    trainings: Trainings,
    how: How,
    notify: Notify | None = None,
) -> list[Transfer]:
    """Each group of families by what was learned from the others."""
    found = []
    for fold in folds:
        name = ", ".join(sorted(set(fold.judged.families)))
        found += _against_fixed(candidates, [fold], trainings, how, ("family", name), notify)
    return found


def to_bank(
    candidates: Sequence[CandidatePolicy], folds: Sequence[Fold], trainings: Trainings, model: str, how: How,
    notify: Notify | None = None,
) -> list[Transfer]:  # fmt: skip
    """Another bank's tasks by what was learned here."""
    return _against_fixed(candidates, folds, trainings, how, ("bank", model), notify)


def _against_fixed(
    candidates: Sequence[CandidatePolicy],
    folds: Sequence[Fold],
    trainings: Trainings,
    how: How,
    where: tuple[Literal["family", "bank"], str],
    notify: Notify | None,
) -> list[Transfer]:
    fixed = BestFixed("best-fixed", weight=how.cost_weight)
    others = [one for one in candidates if one.name != fixed.name]
    base, *records = record([fixed, *others], folds, trainings, notify)
    still = {one.name for one in movable(others, records)}
    records = [one for one in records if one.name in still]
    resampler = Resampler(len(base.tasks), how.resamples, how.seed)
    return [_one(one, base, resampler, where) for one in records if (one.known & base.known).any()]


def _one(one: Record, base: Record, resampler: Resampler, where: tuple[Literal["family", "bank"], str]) -> Transfer:
    common = one.known & base.known
    gain = np.where(common, one.score - base.score, np.nan)
    return Transfer(
        policy=one.name,
        kind=where[0],
        held_out=where[1],
        tasks=int(common.sum()),
        accuracy=float(one.score[common].mean()),
        cost=float(one.paid[common].mean()),
        best_fixed_accuracy=float(base.score[common].mean()),
        best_fixed_cost=float(base.paid[common].mean()),
        difference=float(np.nanmean(gain)),
        interval=resampler.mean(gain),
    )
