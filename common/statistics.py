"""Statistics of paired comparisons: intervals over tasks, exact tests, and p-values adjusted for their number."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

Z_95 = 1.959964
K = TypeVar("K", bound=Hashable)


def wilson(right: float, n: int) -> tuple[float, float]:
    """95% score interval of a share (Wilson 1927); (0, 1) for no observations."""
    if n == 0:
        return 0.0, 1.0
    share, z2 = right / n, Z_95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Two-sided exact p-value (McNemar 1947) from the numbers of tasks that only one of two methods solved."""
    n = only_first + only_second
    tail: float = sum(math.comb(n, k) for k in range(min(only_first, only_second) + 1)) / 2**n
    return min(1.0, 2 * tail)


def are_won_or_lost(differences: Sequence[float]) -> bool:
    """Whether every difference of two scores is -1, 0 or 1, so that McNemar's test leaves nothing of them out.

    Expected scores, means over samples or seeds, differ by less. Cut at one half, they can seem all alike.
    """
    return all(abs(difference - round(difference)) < 1e-9 for difference in differences)


def paired_p(differences: Sequence[float], *, seed: int = 0) -> float:
    """Two-sided p-value of paired scores: McNemar's exact test where each task is won or lost, else sign flips.

    Both ask whether a difference is as likely to have the other sign; on won and lost alone they are one test.
    """
    if are_won_or_lost(differences):
        return mcnemar_exact(*(sum(round(one) == sign for one in differences) for sign in (1, -1)))
    return sign_flip(differences, seed=seed)


def paired_difference(
    first: Sequence[float], second: Sequence[float], *, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float, float]:
    """Mean of `first - second` over the same tasks, with its 95% bootstrap interval over tasks (Efron 1979)."""
    difference = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    generator = np.random.default_rng(seed)
    means = generator.choice(difference, (resamples, len(difference))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(difference.mean()), float(low), float(high)


def paired_shares(both: int, only_first: int, only_second: int, neither: int) -> tuple[float, float, float]:
    """Difference of two shares of the same tasks, with its 95% score interval (Newcombe 1998, method 10).

    Unlike the bootstrap's it is not nothing where only one of the two, or neither, has tasks to itself.
    """
    n = both + only_first + only_second + neither
    first, second = (both + only_first) / n, (both + only_second) / n
    (low_1, high_1), (low_2, high_2) = wilson(both + only_first, n), wilson(both + only_second, n)
    product = both * neither - only_first * only_second
    margins = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    corrected = max(product - n / 2, 0.0) if product > 0 else float(product)
    phi = corrected / math.sqrt(margins) if margins else 0.0

    def reach(own: float, other: float) -> float:
        return math.sqrt(own**2 - 2 * phi * own * other + other**2)

    low, high = reach(first - low_1, high_2 - second), reach(high_1 - first, second - low_2)
    return first - second, first - second - low, first - second + high


def clustered_difference(
    differences: Mapping[str, Sequence[float]], *, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float, float]:
    """Mean of paired differences that come in clusters, with its 95% interval; a bootstrap draws whole clusters.

    Args:
        differences: by cluster, for example all orders in which one task was solved; no cluster is empty.
        resamples: how many samples of clusters to draw.
        seed: of the draws.
    """
    sums = np.array([sum(cluster) for cluster in differences.values()], dtype=float)
    sizes = np.array([len(cluster) for cluster in differences.values()], dtype=float)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(resamples, len(sums)))
    low, high = np.quantile(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), [0.025, 0.975])
    return float(sums.sum() / sizes.sum()), float(low), float(high)


def sign_flip(differences: Sequence[float], *, resamples: int = 20_000, seed: int = 0) -> float:
    """Two-sided p-value of a paired permutation test (Fisher 1935): exact up to 14 pairs that differ, else sampled."""
    unequal = np.array([difference for difference in differences if difference], dtype=float)
    if not len(unequal):
        return 1.0
    observed, exact = abs(unequal.sum()), len(unequal) <= 14
    if exact:
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=len(unequal))))
    else:
        signs = np.random.default_rng(seed).choice((1.0, -1.0), (resamples, len(unequal)))
    as_extreme = int((np.abs(signs @ unequal) >= observed - 1e-9).sum())
    return as_extreme / len(signs) if exact else (as_extreme + 1) / (resamples + 1)


def holm(p_values: Mapping[K, float], further: int = 0) -> dict[K, float]:
    """p-values adjusted for their number (Holm 1979).

    Args:
        p_values: by hypothesis.
        further: hypotheses that were tried as well and whose p-values are not known: as if each of them were 1.
    """
    adjusted: dict[K, float] = {}
    largest, number = 0.0, len(p_values) + further
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = max(largest, min(1.0, (number - rank) * p_values[name]))
        adjusted[name] = largest
    return adjusted
