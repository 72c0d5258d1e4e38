"""Stops: where a recorded run could end with an answer, what was seen there, and whether the answer was right."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from pilotage.navigator.bank.arrays import BankArrays, Float64s, Integers
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.errors import BankError
from pilotage.navigator.policies.inputs import Float32s
from pilotage.navigator.spaces import ActionMask, ObservationSpec

OF_THE_LIMITS = ("steps_taken", "steps_left", "budget_left")
"""Features that tell of a run's limits, which are the caller's choice, and not of its answer."""


@dataclass(frozen=True)
class Stops:
    """k stops of m tasks that answer something; each task weighs 1, however many of its states were recorded.

    Attributes:
        observations: names and bounds of the f features; those of a run's limits are left out.
        tasks: ids of the m tasks; one that answers nowhere has no stop.
        families: the family of each.
        features: float32 (k, f).
        score: float (k,): of the answer, 0 to 1.
        task: int (k,): index of the task.
        state: int (k,): index of the state in the bank's `BankArrays`.
    """

    observations: ObservationSpec
    tasks: tuple[str, ...]
    families: tuple[str, ...]
    features: Float32s
    score: Float64s
    task: Integers
    state: Integers

    @classmethod
    def of(cls, bank: Bank, names: Collection[str] | None = None) -> Self:
        """All stops of a bank, with these features, or all for None.

        Raises:
            BankError: a tree is damaged, or no state answers anything.
        """
        arrays = BankArrays.of(bank)
        trees = [bank.tree(task) for task in arrays.tasks]
        nodes = (trees[task].nodes[id] for task, id in zip(arrays.task.tolist(), arrays.ids, strict=True))
        state = np.flatnonzero([node.answer is not None for node in nodes])
        if not len(state):
            raise BankError(f"no state of the bank {bank.path} answers anything: record one with answers")
        kept = [
            place
            for place, name in enumerate(arrays.observations.names)
            if (name not in OF_THE_LIMITS if names is None else name in names)
        ]
        return cls(
            observations=ObservationSpec(tuple(arrays.observations.features[place] for place in kept)),
            tasks=arrays.tasks,
            families=arrays.families,
            features=arrays.features[np.ix_(state, np.array(kept, dtype=np.intp))],
            score=arrays.score[state],
            task=arrays.task[state],
            state=state,
        )

    def __len__(self) -> int:
        return len(self.score)

    @property
    def weight(self) -> Float64s:
        """Of each stop, (k,): 1 for each task, in equal shares."""
        counts = np.bincount(self.task, minlength=len(self.tasks))
        weight: Float64s = 1.0 / counts[self.task]
        return weight

    def of_tasks(self, tasks: Collection[str]) -> ActionMask:
        """Which stops belong to these tasks, bool (k,)."""
        inside = np.array([task in tasks for task in self.tasks], dtype=np.bool_)
        chosen: ActionMask = inside[self.task]
        return chosen

    def where(self, chosen: ActionMask) -> Self:
        """Some of the stops, by a bool (k,); the tasks keep their indices."""
        columns = ("features", "score", "task", "state")
        return replace(self, **{name: getattr(self, name)[chosen] for name in columns})

    def varying(self) -> Self:
        """Without the features that are the same at every stop, of which nothing can be learned."""
        return self._with((self.features != self.features[:1]).any(axis=0))

    def of_the_runs(self) -> Self:
        """Without the features that are the same at all stops of each task: those tell of the task, not of its run."""
        _, first = np.unique(self.task, return_index=True)
        firsts = np.zeros(len(self.tasks), dtype=np.intp)
        firsts[self.task[first]] = first
        return self._with((self.features != self.features[firsts[self.task]]).any(axis=0))

    def _with(self, kept: ActionMask) -> Self:
        places = np.flatnonzero(kept)
        spec = ObservationSpec(tuple(self.observations.features[place] for place in places))
        return replace(self, observations=spec, features=self.features[:, places])
