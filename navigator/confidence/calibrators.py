"""Calibrators: from what a model says to how often that was right, learned from tasks that the model did not see.

`Platt` is a line in log odds (Platt 1999, with its smoothed targets), `Isotonic` any rising curve (Zadrozny and Elkan
2002, by pooling adjacent violators). On few tasks the line is steadier; the curve finds what no line can.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Protocol, Self

import numpy as np

from pilotage.navigator.bank.arrays import Float64s
from pilotage.navigator.confidence.logistic import fit_logistic, probabilities


class Calibrator(Protocol):
    """A rising map from log odds to probabilities."""

    kind: str

    @classmethod
    def fit(cls, log_odds: Float64s, score: Float64s, weight: Float64s) -> Self:
        """Learns from log odds, scores in [0, 1] and weights, each of shape (k,)."""
        ...

    def __call__(self, log_odds: Float64s) -> Float64s:
        """Probabilities strictly between 0 and 1, shape (k,)."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        ...


@dataclass(frozen=True)
class Platt:
    """`probability = sigmoid(intercept + slope * log odds)`, the slope 0 or more."""

    intercept: float
    slope: float
    kind = "platt"

    def __post_init__(self) -> None:
        if not (np.isfinite(self.intercept) and 0 <= self.slope < np.inf):
            raise ValueError("its Platt calibration falls, or is not finite")

    @classmethod
    def fit(cls, log_odds: Float64s, score: Float64s, weight: Float64s) -> Self:
        """By maximum likelihood for targets that stay clear of 0 and 1, as if one more of each had been seen."""
        right, wrong = float(weight @ score), float(weight @ (1 - score))
        targets = score * (right + 1) / (right + 2) + (1 - score) / (wrong + 2)
        intercept, slope = fit_logistic(log_odds[:, None], targets, weight, 0.0)
        if slope < 0:  # what was ranked the wrong way round says nothing
            (intercept,), slope = fit_logistic(np.empty((len(score), 0)), targets, weight, 0.0), 0.0
        return cls(float(intercept), float(slope))

    def __call__(self, log_odds: Float64s) -> Float64s:
        """See `Calibrator`."""
        return probabilities(self.intercept + self.slope * log_odds)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True)
class Isotonic:
    """A rising curve through the pooled points, straight between them and level beyond.

    Attributes:
        at: log odds of the points, rising.
        probability: at each, never falling.
    """

    at: tuple[float, ...]
    probability: tuple[float, ...]
    kind = "isotonic"

    def __post_init__(self) -> None:
        at, value = np.array(self.at, dtype=float), np.array(self.probability, dtype=float)
        rises = len(at) == len(value) > 0 and bool(np.isfinite(at).all() and (np.diff(at) > 0).all())
        if not rises or not ((value > 0) & (value < 1)).all() or (np.diff(value) < 0).any():
            raise ValueError("its isotonic calibration does not rise between 0 and 1")

    @classmethod
    def fit(cls, log_odds: Float64s, score: Float64s, weight: Float64s) -> Self:
        """By least squares; its ends stay clear of 0 and 1 by half of one task in all that were seen."""
        at, value = pool_adjacent_violators(log_odds, score, weight)
        clear = 0.5 / (float(weight.sum()) + 1)
        return cls(tuple(at.tolist()), tuple(np.clip(value, clear, 1 - clear).tolist()))

    def __call__(self, log_odds: Float64s) -> Float64s:
        """See `Calibrator`."""
        return np.interp(log_odds, self.at, self.probability)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": self.kind, "at": list(self.at), "probability": list(self.probability)}


CALIBRATORS: dict[str, type[Platt] | type[Isotonic]] = {one.kind: one for one in (Platt, Isotonic)}
"""By kind."""


def calibrator_of(data: dict[str, Any]) -> Calibrator:
    """What `to_json` gave; raises KeyError, TypeError or ValueError for anything else."""
    if data["kind"] == Platt.kind:
        return Platt(float(data["intercept"]), float(data["slope"]))
    if data["kind"] == Isotonic.kind:
        return Isotonic(tuple(map(float, data["at"])), tuple(map(float, data["probability"])))
    raise ValueError(f"its calibration is of the kind {data['kind']!r}, which this version does not know")


def pool_adjacent_violators(x: Float64s, y: Float64s, weight: Float64s) -> tuple[Float64s, Float64s]:
    """The rising step function of least weighted squares: mean x and mean y of each pool, in order.

    Equal x are one point. Rows of weight 0 are left out.
    """
    known = weight > 0
    at, place = np.unique(x[known], return_inverse=True)
    mass = np.bincount(place, weight[known])
    total = np.bincount(place, weight[known] * y[known])
    pools: list[tuple[float, float, float]] = []  # mass, sum of x, sum of y
    for m, a, t in zip(mass.tolist(), (mass * at).tolist(), total.tolist(), strict=True):
        pool = (m, a, t)
        while pools and pools[-1][2] / pools[-1][0] >= pool[2] / pool[0]:
            before = pools.pop()
            pool = (before[0] + pool[0], before[1] + pool[1], before[2] + pool[2])
        pools.append(pool)
    table = np.array(pools)
    return table[:, 1] / table[:, 0], table[:, 2] / table[:, 0]
