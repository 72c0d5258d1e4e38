"""Figures of a batch: accuracy with an interval, tokens and time per task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Self

from pilotage.agent.trace import Usage, total
from pilotage.common.statistics import wilson

SUMMED = ("prompt_tokens", "completion_tokens", "cached_tokens", "llm_calls", "seconds")

ENDS = ("answer", "error")
"""What ends a run that no limit of the budget ends."""


EARLIER = "earlier"
"""Of a result, the `runs` of its task before it that came to nothing, and their `usage`."""


def spent(result: Mapping[str, Any]) -> Usage:
    """What a result's task has cost: its run, and those before it that came to nothing."""
    own, earlier = Usage.model_validate(result["usage"]), result.get(EARLIER)
    return own if earlier is None else own + Usage.model_validate(earlier["usage"])


_APART = ("distil",)
"""Charges of a run that its limit does not hold: writing to memory has one of its own."""


class Excess:
    """How many runs went over their limit of tokens, as where an endpoint does not keep to the length of a reply.

    Args:
        limit: tokens that a run may take; None where nobody set any.

    Attributes:
        runs: how many took more.
        most: by how many tokens at most.
    """

    def __init__(self, limit: int | None) -> None:
        self.limit, self.runs, self.most = limit, 0, 0

    def add(self, result: Mapping[str, Any]) -> None:
        """Counts a run. One of two models has the limit twice, and what is in `_APART` is not under it."""
        if self.limit is None:
            return
        apart = [Usage.model_validate(one["usage"]) for one in result.get("charges", ()) if one["by"] in _APART]
        may = self.limit * (2 if "escalated" in result else 1)
        over = Usage.model_validate(result["usage"]).total_tokens - total(apart).total_tokens - may
        if over > 0:
            self.runs, self.most = self.runs + 1, max(self.most, over)

    def __iadd__(self, other: Excess) -> Self:
        """Counts all that another has counted."""
        self.runs, self.most = self.runs + other.runs, max(self.most, other.most)
        return self


def limits_met(results: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many runs each limit of the budget has ended, by its name; a result that does not tell was not ended so."""
    ends = Counter(result.get("stopped_by", ENDS[0]) for result in results)
    return {limit: count for limit, count in sorted(ends.items()) if limit not in ENDS}


class Figures:
    """Sums over the results of a batch, so that no result need be held.

    Args:
        max_tokens: the limit of a run, where it is to be told how many went over it.
    """

    def __init__(self, max_tokens: int | None = None) -> None:
        self.excess = Excess(max_tokens)
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
        score, usage = result["score"], spent(result)
        self.excess.add(result)
        graded = {} if score is None else {"graded": 1, "right": score}
        # As numbers: a Counter that is empty keeps what it is given first as it is.
        failed, answered = int("error" in result), int(result["answer"] is not None)
        self._sums.update({"tasks": 1, "failed": failed, "answered": answered, **graded})
        self._sums.update({name: int(bool(result.get(name))) for name in ("abstained", "escalated")})
        if answered:
            self._sums.update({f"{name}_answered": count for name, count in graded.items()})
        self._limits.update(limits_met([result]))
        self._sums.update({name: getattr(usage, name) for name in (*SUMMED, "estimated_calls")})

    def __iadd__(self, other: Figures) -> Self:
        """Counts all that another has counted."""
        self._sums.update(other._sums)
        self._limits.update(other._limits)
        self.excess += other.excess
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
            "over_max_tokens": {"runs": self.excess.runs, "most": self.excess.most},
            "coverage": sums["answered"] / n,
            "accuracy_answered": sums["right_answered"] / answered if answered else None,
            "accuracy_answered_interval_95": [*wilson(sums["right_answered"], answered)] if answered else None,
            **{f"{name}_per_task": sums[name] / n for name in (*SUMMED, "estimated_calls")},
        }
