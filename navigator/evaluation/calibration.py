"""Calibration: whether a policy that says 'worth 0.7' is right in 7 of 10 cases.

A policy's values are in right answers less weighted cost. At a run's last decision all that is still to be paid is what
that decision costs; adding it back, weighted, leaves the predicted probability of success, which is compared with what
came.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pilotage.navigator.bank.arrays import Float64s, Integers
from pilotage.navigator.evaluation.schema import Bin, Calibration
from pilotage.navigator.values.rollout import Rollout

BINS = 10


@dataclass(frozen=True)
class Predictions:
    """Predictions of success at last decisions, each of shape (k,).

    Attributes:
        predicted: predicted probability of success, 0 to 1.
        observed: expected score that followed.
        weight: probability of the run coming there.
    """

    predicted: Float64s
    observed: Float64s
    weight: Float64s

    @classmethod
    def of(cls, rollouts: Sequence[Rollout], cost_weight: float) -> Predictions | None:
        """The predictions of a policy whose values hold for `cost_weight`; None where it gives no values."""
        columns = np.concatenate([_predictions(one, cost_weight) for one in rollouts], axis=1)
        return cls(*columns) if columns.size else None


@dataclass(frozen=True)
class LastDecisions:
    """Where the runs of a rollout end, each of shape (k,).

    Attributes:
        state: where; an index into the rollout's arrays.
        predicted: probability of success by the policy's own values, 0 to 1; NaN where it gives none.
        weight: probability of the run ending there.
    """

    state: Integers
    predicted: Float64s
    weight: Float64s


def last_decisions(rollout: Rollout, cost_weight: float) -> LastDecisions:
    """Where a policy whose values hold for `cost_weight` stops, or is stopped."""
    arrays = rollout.arrays
    cut = arrays.ended & (rollout.visits > 0) & (arrays.parent >= 0)
    ends = np.flatnonzero((rollout.decided[:, arrays.terminal] > 0) | cut)
    paid = np.where(cut, arrays.cost, 0.0) + arrays.answer_cost
    last = np.where(cut, rollout.predicted[arrays.parent], rollout.predicted)  # -1 for a root, which is never cut
    predicted = np.clip(last + cost_weight * paid, 0.0, 1.0)
    weight = np.where(cut, rollout.visits, rollout.decided[:, arrays.terminal])
    return LastDecisions(ends, predicted[ends], weight[ends])


def _predictions(rollout: Rollout, cost_weight: float) -> Float64s:
    """Prediction, result and weight of each last decision of a rollout, (3, k)."""
    last = last_decisions(rollout, cost_weight)
    columns = np.stack([last.predicted, rollout.arrays.score[last.state], last.weight])
    return columns[:, np.isfinite(last.predicted)]


def calibrate(predictions: Predictions) -> Calibration:
    """Bins predictions by their size and compares them with the results."""
    bin_of = np.minimum((predictions.predicted * BINS).astype(np.int64), BINS - 1)
    total = float(predictions.weight.sum())
    filled, error = [], 0.0
    for place in range(BINS):
        weight = np.where(bin_of == place, predictions.weight, 0.0)
        here = float(weight.sum())
        if here > 0:
            predicted = float((weight * predictions.predicted).sum()) / here
            observed = float((weight * predictions.observed).sum()) / here
            filled.append(Bin(predicted=predicted, observed=observed, n=round(here)))
            error += here * abs(predicted - observed)
    brier = float((predictions.weight * (predictions.predicted - predictions.observed) ** 2).sum()) / total
    return Calibration(bins=tuple(filled), ece=error / total, brier=brier, n=round(total))
