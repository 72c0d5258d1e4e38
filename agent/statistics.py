"""Figures of a batch: accuracy with an interval, tokens and time per task."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

Z_95 = 1.959964


def wilson(right: float, n: int) -> tuple[float, float]:
    """95% score interval of a share (Wilson 1927); (0, 1) for no observations."""
    if n == 0:
        return 0.0, 1.0
    share, z2 = right / n, Z_95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def summarise(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Figures of the results of a batch, as `to_json` of a run gives them. Token and time figures are means."""
    graded = [result["score"] for result in results if result["score"] is not None]
    low, high = wilson(sum(graded), len(graded))
    n = max(1, len(results))
    return {
        "tasks": len(results),
        "graded": len(graded),
        "accuracy": sum(graded) / len(graded) if graded else None,
        "accuracy_interval_95": [low, high] if graded else None,
        "unanswered": sum(result["answer"] is None for result in results),
        **{
            f"{key}_per_task": sum(result["usage"][key] for result in results) / n
            for key in ("prompt_tokens", "completion_tokens", "cached_tokens", "llm_calls", "seconds")
        },
    }


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Two-sided exact p-value (McNemar 1947) from the numbers of tasks that only one of two methods solved."""
    n = only_first + only_second
    tail: float = sum(math.comb(n, k) for k in range(min(only_first, only_second) + 1)) / 2**n
    return min(1.0, 2 * tail)


def paired_difference(
    first: Sequence[float], second: Sequence[float], *, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float, float]:
    """Mean of `first - second` over the same tasks, with its 95% bootstrap interval over tasks (Efron 1979)."""
    import numpy as np

    difference = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    generator = np.random.default_rng(seed)
    means = generator.choice(difference, (resamples, len(difference))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(difference.mean()), float(low), float(high)
