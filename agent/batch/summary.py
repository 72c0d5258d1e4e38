"""Figures of a batch: accuracy with an interval, tokens and time per task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Self

from pilotage.common.statistics import wilson

SUMMED = ("prompt_tokens", "completion_tokens", "cached_tokens", "llm_calls", "seconds")


class Figures:
    """Sums over the results of a batch, so that no result need be held.

    Attributes:
        tasks: how many results were added.
        failed: how many of them are of tasks without a usable reply.
    """

    def __init__(self) -> None:
        self.tasks = self.failed = 0
        self._graded = self._unanswered = 0
        self._right = 0.0
        self._usage: Counter[str] = Counter()

    def add(self, result: Mapping[str, Any]) -> None:
        """Counts a result, as `to_json` of a run gives it."""
        self.tasks += 1
        self.failed += "error" in result
        self._unanswered += result["answer"] is None
        if result["score"] is not None:
            self._graded += 1
            self._right += result["score"]
        for name in SUMMED:
            self._usage[name] += result["usage"][name]
        # Files of older versions do not tell.
        self._usage["estimated_calls"] += result["usage"].get("estimated_calls", 0)

    def __iadd__(self, other: Figures) -> Self:
        """Counts all that another has counted."""
        self.tasks += other.tasks
        self.failed += other.failed
        self._graded += other._graded
        self._unanswered += other._unanswered
        self._right += other._right
        self._usage.update(other._usage)
        return self

    def summary(self) -> dict[str, Any]:
        """The figures; those of tokens and time are means."""
        low, high = wilson(self._right, self._graded)
        n = max(1, self.tasks)
        return {
            "tasks": self.tasks,
            "graded": self._graded,
            "accuracy": self._right / self._graded if self._graded else None,
            "accuracy_interval_95": [low, high] if self._graded else None,
            "unanswered": self._unanswered,
            **{f"{name}_per_task": self._usage[name] / n for name in (*SUMMED, "estimated_calls")},
        }


def summarise(results: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Figures of the results of a batch."""
    figures = Figures()
    for result in results:
        figures.add(result)
    return figures.summary()
