"""A mixture of two Weibull distributions, fitted to numbers above 0 by expectation and maximisation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

ROUNDS = 200
FEWEST = 5
LEAST_SHARE = 1e-3
SHAPES = (0.05, 500.0)


@dataclass(frozen=True)
class Weibull:
    """A Weibull distribution: shape and scale."""

    shape: float
    scale: float

    def log_density(self, x: float) -> float:
        """Of a number above 0."""
        z = math.log(x / self.scale)
        return math.log(self.shape / self.scale) + (self.shape - 1) * z - math.exp(min(700.0, self.shape * z))

    @property
    def mean(self) -> float:
        """Its expectation."""
        return self.scale * math.gamma(1 + 1 / self.shape)


@dataclass(frozen=True)
class Mixture:
    """Two of them, the one with the lower mean first, and the share of the higher one."""

    low: Weibull
    high: Weibull
    share: float

    def chance_of_high(self, x: float) -> float:
        """Probability that a number is of the higher one."""
        high = math.log(self.share) + self.high.log_density(x)
        low = math.log(1 - self.share) + self.low.log_density(x)
        return 1 / (1 + math.exp(min(700.0, low - high)))


def fitted(numbers: Sequence[float]) -> Mixture | None:
    """The likeliest mixture, from halves as a start; None where there are too few, or too much alike, to fit one.

    Args:
        numbers: above 0.
    """
    if len(numbers) < FEWEST or min(numbers) <= 0 or max(numbers) - min(numbers) < 1e-9:
        return None
    middle = sorted(numbers)[len(numbers) // 2]
    of_high = [0.9 if number >= middle else 0.1 for number in numbers]
    for _ in range(ROUNDS):
        share = sum(of_high) / len(numbers)
        if not LEAST_SHARE < share < 1 - LEAST_SHARE:
            return None
        high, low = _likeliest(numbers, of_high), _likeliest(numbers, [1 - weight for weight in of_high])
        if high is None or low is None:
            return None
        mixture = Mixture(low, high, share)
        after = [mixture.chance_of_high(number) for number in numbers]
        if max(abs(new - old) for new, old in zip(after, of_high, strict=True)) < 1e-6:
            break
        of_high = after
    ordered = mixture.low.mean < mixture.high.mean
    return mixture if ordered else Mixture(mixture.high, mixture.low, 1 - mixture.share)


def _likeliest(numbers: Sequence[float], weights: Sequence[float]) -> Weibull | None:
    """The likeliest distribution of weighted numbers, by bisection for its shape; None where that is at an end."""
    there = [(number, weight) for number, weight in zip(numbers, weights, strict=True) if weight > 0]
    if not there:
        return None
    weights, logs = [weight for _, weight in there], [math.log(number) for number, _ in there]
    whole = sum(weights)
    top, mean = max(logs), sum(weight * log for weight, log in zip(weights, logs, strict=True)) / whole

    def powers(shape: float) -> list[float]:
        return [weight * math.exp(shape * (log - top)) for weight, log in zip(weights, logs, strict=True)]

    def slope(shape: float) -> float:
        power = powers(shape)
        return sum(p * log for p, log in zip(power, logs, strict=True)) / sum(power) - 1 / shape - mean

    least, most = SHAPES
    if slope(least) > 0 or slope(most) < 0:
        return None
    for _ in range(60):
        middle = math.sqrt(least * most)
        least, most = (middle, most) if slope(middle) < 0 else (least, middle)
    shape = math.sqrt(least * most)
    return Weibull(shape, math.exp(top + math.log(sum(powers(shape)) / whole) / shape))
