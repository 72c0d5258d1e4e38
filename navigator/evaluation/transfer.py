"""Transfer: policies on families that they have never seen, or on the bank of another model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from pilotage.navigator.evaluation.bootstrap import Resampler
from pilotage.navigator.evaluation.records import Record
from pilotage.navigator.evaluation.schema import Transfer

Target = Literal["family", "bank"]


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
        if not common.any() or not one.candidate.is_transferable(one.asked.is_learned):
            continue
        gain = np.where(common, one.score - base.score, np.nan)
        rows.append(
            Transfer(
                policy=one.name,
                kind=kind,
                held_out=held_out,
                tasks=int(common.sum()),
                accuracy=float(one.score[common].mean()),
                cost=float(one.paid[common].mean()),
                best_fixed_accuracy=float(base.score[common].mean()),
                best_fixed_cost=float(base.paid[common].mean()),
                difference=float(np.nanmean(gain)),
                interval=resampler.mean(gain),
            )
        )
    return rows
