"""Outcomes: the runs of one method on the tasks that all methods have done, and columns over these tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from pilotage.agent.batch.summary import spent
from pilotage.agent.task import Task
from pilotage.agent.trace import Usage
from pilotage.navigator.bank.arrays import Float64s


@dataclass(frozen=True, eq=False)
class Outcomes:
    """One method on m tasks.

    Attributes:
        name: the method's.
        tasks: what it was asked.
        families: of each task.
        lines: result lines of each task, one a repeat.
        conditions: what else they depend on, as their results file has it.
    """

    name: str
    tasks: tuple[Task, ...]
    families: tuple[str, ...]
    lines: Sequence[Sequence[Mapping[str, Any]]]
    conditions: Mapping[str, Any] = field(default_factory=dict)

    def column(self, of: Callable[[Mapping[str, Any]], float]) -> Float64s:
        """What a function gives of each task's lines, their mean, float (m,)."""
        return np.array([np.mean([of(line) for line in lines]) for lines in self.lines], dtype=float)

    def usage(self, name: str) -> Float64s:
        """A field of the usage, of all runs of a task, float (m,)."""
        return self.spent(lambda usage: getattr(usage, name))

    def spent(self, of: Callable[[Usage], float]) -> Float64s:
        """What a function gives of each task's usage, mean over its lines, float (m,)."""
        return np.array([np.mean([of(usage) for usage in usages]) for usages in self._spent], dtype=float)

    @cached_property
    def _spent(self) -> list[list[Usage]]:
        """What each line's task cost, runs before it that came to nothing included."""
        return [[spent(line) for line in lines] for lines in self.lines]

    @cached_property
    def others(self) -> dict[str, Float64s]:
        """Thousands of tokens of each model other than the run's own, by its name, float (m,)."""
        names = {name for usages in self._spent for usage in usages for name in usage.others}
        return {
            name: self.spent(lambda usage, name=name: usage.others.get(name, Usage()).total_tokens) / 1000  # type: ignore[misc]
            for name in sorted(names)
        }

    @cached_property
    def score(self) -> Float64s:
        """Score of each task; without an answer it is 0."""
        return self.column(lambda line: line["score"] or 0.0)

    @cached_property
    def right(self) -> Float64s:
        """Share of each task's runs that are right, float (m,): those that score more than a half."""
        return self.column(lambda line: (line["score"] or 0.0) > 0.5)

    @property
    def failed(self) -> str | None:
        """Why the first run has no usable reply, where none has; None where one has."""
        why = [line.get("error") for lines in self.lines for line in lines]
        return None if None in why else why[0]

    @cached_property
    def cost(self) -> Float64s:
        """Thousands of tokens of each task, prompt and completion."""
        return (self.usage("prompt_tokens") + self.usage("completion_tokens")) / 1000
