"""Figures of a batch: accuracy with an interval, tokens and time per task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Self

from pilotage.common.statistics import wilson

SUMMED = ("prompt_tokens", "completion_tokens", "cached_tokens", "llm_calls", "seconds")

ENDS = ("answer", "error")
"""What ends a run that no limit of the budget ends."""


def limits_met(results: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many runs each limit of the budget has ended, by its name; a result that does not tell was not ended so."""
    ends = Counter(result.get("stopped_by", ENDS[0]) for result in results)
    return {limit: count for limit, count in sorted(ends.items()) if limit not in ENDS}


class Figures:
    """Sums over the results of a batch, so that no result need be held."""

    def __init__(self) -> None:
        self._sums: Counter[str] = Counter()
        self._limits: Counter[str] = Counter()

    @property
    def tasks(self) -> int:
        """How many results were added."""
        return self._sums["tasks"]

    @property
    def failed(self) -> int:
        """How many of them are of tasks without a usable reply."""
        return self._sums["failed"]

    def add(self, result: Mapping[str, Any]) -> None:
        """Counts a result, as `to_json` of a run gives it."""
        score, usage = result["score"], result["usage"]
        graded = {} if score is None else {"graded": 1, "right": score}
        # As numbers: a Counter that is empty keeps what it is given first as it is.
        failed, answered = int("error" in result), int(result["answer"] is not None)
        self._sums.update({"tasks": 1, "failed": failed, "answered": answered, **graded})
        self._sums.update({name: int(bool(result.get(name))) for name in ("abstained", "escalated")})
        if answered:
            self._sums.update({f"{name}_answered": count for name, count in graded.items()})
        self._limits.update(limits_met([result]))
        # Files of older versions do not tell `estimated_calls`.
        self._sums.update({name: usage.get(name, 0) for name in (*SUMMED, "estimated_calls")})

    def __iadd__(self, other: Figures) -> Self:
        """Counts all that another has counted."""
        self._sums.update(other._sums)
        self._limits.update(other._limits)
        return self

    def summary(self) -> dict[str, Any]:
        """The figures; those of tokens and time are means, and `coverage` is the share of the tasks with an answer."""
        sums, graded, n = self._sums, self._sums["graded"], max(1, self.tasks)
        answered = sums["graded_answered"]
        return {
            "tasks": self.tasks,
            "graded": graded,
            "accuracy": sums["right"] / graded if graded else None,
            "accuracy_interval_95": [*wilson(sums["right"], graded)] if graded else None,
            "unanswered": self.tasks - sums["answered"],
            "abstained": sums["abstained"],
            "escalated": sums["escalated"],
            "ended_by_limits": dict(sorted(self._limits.items())),
            "coverage": sums["answered"] / n,
            "accuracy_answered": sums["right_answered"] / answered if answered else None,
            "accuracy_answered_interval_95": [*wilson(sums["right_answered"], answered)] if answered else None,
            **{f"{name}_per_task": sums[name] / n for name in (*SUMMED, "estimated_calls")},
        }
