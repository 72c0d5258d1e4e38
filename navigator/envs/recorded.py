"""RecordedDynamics: steps through recorded trees, so that a step costs microseconds and no LLM call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from pilotage.navigator.arguments import require_whole
from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.dynamics import Transition, as_index
from pilotage.navigator.errors import EnvError, SpecMismatch


class RecordedDynamics:
    """Dynamics over a bank.

    An action that was not recorded in a state is masked out there; the terminal one never is. Where an action was
    recorded several times, each sample is as likely as the others. Tasks come in random order, each once before any
    comes again.

    Args:
        bank: the bank, or its trees as a `BankArrays`.
        tasks: ids of the tasks to play; None for all.
        seed: of the order of tasks and of the choice among samples, or their generator; `reset(seed=...)` starts anew.

    Attributes:
        arrays: the trees.
        state: index of the present state in `arrays`.

    Raises:
        BankError: a task is unknown, or a file is damaged.
    """

    def __init__(
        self, bank: Bank | BankArrays, tasks: Iterable[str] | None = None, seed: int | np.random.Generator | None = None
    ) -> None:
        if not isinstance(bank, Bank | BankArrays):
            raise EnvError(f"a bank is its folder, a Bank or a BankArrays, not {bank!r}")
        if isinstance(bank, BankArrays) and tasks is not None:
            raise EnvError("tasks cannot be chosen from a BankArrays: build it with BankArrays.of(bank, tasks)")
        arrays = self.arrays = bank if isinstance(bank, BankArrays) else BankArrays.of(bank, tasks)
        if not isinstance(seed, np.random.Generator | None):
            require_whole("a seed", seed, 0, error=EnvError)
        self.actions, self.observations = arrays.actions, arrays.observations
        self.state = int(arrays.roots[0])
        self._generator = np.random.default_rng(seed)
        self._queue: list[int] = []
        self._running = False
        self._rows = _Rows(arrays)

    def reset(self, seed: int | None = None, task: str | None = None) -> Transition:
        """Starts a task; the next in random order for None. Raises EnvError for a task that is not among them."""
        if seed is not None:
            self._generator = np.random.default_rng(seed)
            self._queue = []
        if task is not None:
            roots = self._rows.roots
            if task not in roots:
                raise EnvError(f"unknown task {task!r}; there are {len(roots)}, the first is {self.arrays.tasks[0]!r}")
            self.state = roots[task]
        else:
            if not self._queue:
                self._queue = self._generator.permutation(self.arrays.roots).tolist()
            self.state = self._queue.pop()
        self._running = not self._rows.ended[self.state]
        return self._arrived(self._rows.costs[self.state])

    def step(self, action: int) -> Transition:
        """Follows an action to a recorded state; raises as `Dynamics.step` does."""
        state, rows, action = self.state, self._rows, as_index(action)
        if not self._running:
            raise EnvError("no episode is running: call reset() first")
        allowed = rows.allowed[state]
        if not (0 <= action < len(allowed) and allowed[action]):
            legal = [name for name, one in zip(self.actions.names, allowed, strict=True) if one]
            raise SpecMismatch(f"action {action} is not allowed here; recorded are {', '.join(legal)}")
        if action == rows.terminal:
            self._running = False
            return self._transition(True, rows.stop_costs[state])
        samples = self.arrays.children[state][action]
        self.state = samples[0] if len(samples) == 1 else samples[int(self._generator.integers(len(samples)))]
        return self._arrived(rows.costs[self.state])

    def close(self) -> None:
        """Nothing to release."""

    def _arrived(self, cost: float) -> Transition:
        if not self._rows.ended[self.state]:
            return self._transition(False, cost)
        self._running = False
        return self._transition(True, cost + self._rows.stop_costs[self.state])

    def _transition(self, done: bool, cost: float) -> Transition:
        state, rows = self.state, self._rows
        correct = rows.scores[state] if done else None
        return Transition(rows.observations[state], rows.masks[state], done, correct, cost, rows.infos[state])


class StateNumbers:
    """A number for each recorded state, told for the state that a dynamics is in; a potential, or step scores.

    An object and no closure, so that it goes with its dynamics where an environment is copied or pickled.
    """

    def __init__(self, dynamics: RecordedDynamics, numbers: Sequence[float]) -> None:
        self._dynamics, self._numbers = dynamics, tuple(numbers)

    def __call__(self) -> float:
        """The number of the present state."""
        return self._numbers[self._dynamics.state]


class _Rows:
    """Arrays for stepping: plain lists and read-only rows, since indexing arrays would cost more than the step.

    Nothing changes it, so copies of an environment share it, and a pickled one makes it anew.
    """

    def __init__(self, arrays: BankArrays) -> None:
        self.arrays = arrays
        self.terminal = arrays.terminal
        self.roots = {task: int(root) for task, root in zip(arrays.tasks, arrays.roots, strict=True)}
        self.observations = _frozen_rows(arrays.features)
        self.masks = _frozen_rows(arrays.playable)
        self.allowed = arrays.playable.tolist()
        self.costs = arrays.cost.tolist()
        self.stop_costs = arrays.stop_cost.tolist()
        self.scores = arrays.score.tolist()
        self.ended = arrays.ended.tolist()
        infos: list[Mapping[str, Any]] = [
            {"task_id": task, "family": family} for task, family in zip(arrays.tasks, arrays.families, strict=True)
        ]
        self.infos = [infos[task] for task in arrays.task.tolist()]

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[type[_Rows], tuple[BankArrays]]:
        return type(self), (self.arrays,)


def _frozen_rows(array: np.ndarray[Any, Any]) -> list[Any]:
    frozen = array.copy()
    frozen.setflags(write=False)
    return list(frozen)
