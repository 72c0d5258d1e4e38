"""A mixture of two Weibull distributions, fitted by expectation and maximisation."""

from __future__ import annotations

from dataclasses import dataclass
from math import gamma

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

ROUNDS = 200
CLOSE = 1e-8
LEAST_SHAPE, MOST_SHAPE = 0.05, 100.0
FEWEST = 2.0
"""Observations' worth of weight under which a component is none."""


@dataclass(frozen=True)
class Mixture:
    """Two components, the lower one first: shapes, scales and shares, each of shape (2,)."""

    shapes: Numbers
    scales: Numbers
    shares: Numbers

    def densities(self, values: Numbers) -> Numbers:
        """Share times density of each component at each value, shape (2, values)."""
        ratio = values[None, :] / self.scales[:, None]
        shapes = self.shapes[:, None]
        logs = np.log(shapes / self.scales[:, None]) + (shapes - 1) * np.log(ratio) - ratio**shapes
        densities: Numbers = self.shares[:, None] * np.exp(logs)
        return densities

    def share_of_higher(self, values: Numbers) -> Numbers:
        """Probability that each value is of the higher component."""
        densities = self.densities(values)
        whole = densities.sum(axis=0)
        higher = (values >= self.means.mean()).astype(float)  # where neither has any density that can be told from 0
        shares: Numbers = np.where(whole > 0, densities[1] / np.where(whole > 0, whole, 1.0), higher)
        return shares

    @property
    def means(self) -> Numbers:
        """Mean of each component."""
        means: Numbers = self.scales * np.array([gamma(1 + 1 / shape) for shape in self.shapes])
        return means


def fit_mixture(values: Numbers) -> Mixture | None:
    """Two Weibull distributions that fit positive values best, from a split at their median.

    None where there are not two: the values hardly differ, or one component runs empty.
    """
    values = np.maximum(np.asarray(values, dtype=float), np.finfo(float).tiny)
    if np.ptp(np.log(values)) < CLOSE:
        return None
    higher = (values > np.median(values)).astype(float)
    if not 0 < higher.sum() < len(values):
        higher = (values >= values.mean()).astype(float)
    parts, before = np.stack([1 - higher, higher]), -np.inf
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        for _ in range(ROUNDS):
            if parts.sum(axis=1).min() < min(FEWEST, len(values) / 4):
                return None
            fitted = _of(values, parts)
            densities = fitted.densities(values)
            likelihood = float(np.log(np.maximum(densities.sum(axis=0), np.finfo(float).tiny)).sum())
            if not np.isfinite(likelihood):
                return None
            if likelihood - before < CLOSE:
                break
            before = likelihood
            share = fitted.share_of_higher(values)
            parts = np.stack([1 - share, share])
    order = np.argsort(fitted.means)
    return Mixture(fitted.shapes[order], fitted.scales[order], fitted.shares[order])


def _of(values: Numbers, parts: Numbers) -> Mixture:
    """The likeliest components for how much of each value is of which."""
    shapes, scales = np.empty(2), np.empty(2)
    for place, weights in enumerate(parts):
        shapes[place], scales[place] = _likeliest(values, weights / weights.sum())
    return Mixture(shapes, scales, parts.sum(axis=1) / parts.sum())


def _likeliest(values: Numbers, weights: Numbers) -> tuple[float, float]:
    """Shape and scale of greatest weighted likelihood: the root of a function that rises with the shape."""
    top = values[weights > 0].max()
    scaled, logs = values / top, np.log(values / top)  # so that powers stay within 0 and 1
    mean_log = float(weights @ logs)

    def slope(shape: float) -> float:
        powers = weights * scaled**shape
        return float(powers @ logs / powers.sum()) - 1 / shape - mean_log

    low, high = LEAST_SHAPE, MOST_SHAPE
    for _ in range(60):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    shape = (low * high) ** 0.5
    return shape, float(top * (weights @ scaled**shape) ** (1 / shape))
