"""Figures of a batch: accuracy with an interval, tokens and time per task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from navigator.statistics import clustered_difference, holm, mcnemar_exact, paired_difference, sign_flip, wilson


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
        # Files of older versions do not tell.
        "estimated_calls_per_task": sum(result["usage"].get("estimated_calls", 0) for result in results) / n,
    }


__all__ = [
    "clustered_difference",
    "holm",
    "mcnemar_exact",
    "paired_difference",
    "sign_flip",
    "summarise",
    "wilson",
]
