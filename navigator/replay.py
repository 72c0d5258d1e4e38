"""RecordedDynamics: walks recorded trees, so that a step costs microseconds and no LLM call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from navigator.bank import Bank
from navigator.dynamics import Transition
from navigator.errors import EnvError, SpecMismatch
from navigator.forest import Forest
from navigator.spaces import ActionSpec, ObservationSpec


class RecordedDynamics:
    """Dynamics over a bank.

    An action that was not recorded in a state is masked out there; the terminal one never is. Where an action was
    recorded several times, each sample is as likely as the others. Tasks come in random order, each once before any
    comes again.

    Args:
        bank: the bank, or its trees as a `Forest`.
        tasks: ids of the tasks to play; None for all.
        seed: of the order of tasks and of the choice among samples; `reset(seed=...)` starts it anew.

    Attributes:
        forest: the trees.
        state: index of the present state in `forest`.

    Raises:
        BankError: a task is unknown, or a file is damaged.
    """

    def __init__(self, bank: Bank | Forest, tasks: Iterable[str] | None = None, seed: int | None = None) -> None:
        if isinstance(bank, Forest):
            if tasks is not None:
                raise EnvError("tasks cannot be chosen from a Forest: build it with Forest.of(bank, tasks)")
            self.forest = bank
        else:
            self.forest = Forest.of(bank, tasks)
        forest = self.forest
        self.state = int(forest.roots[0])
        self._generator = np.random.default_rng(seed)
        self._queue: list[int] = []
        self._running = False
        self._terminal = forest.terminal
        self._roots = {task: int(root) for task, root in zip(forest.tasks, forest.roots, strict=True)}
        # Plain lists and read-only rows: indexing an array element by element would cost more than the walk.
        self._observations = _frozen_rows(forest.seen)
        self._masks = _frozen_rows(forest.playable)
        self._allowed = forest.playable.tolist()
        self._costs = forest.cost.tolist()
        self._stop_costs = forest.stop_cost.tolist()
        self._scores = forest.score.tolist()
        self._ended = forest.ended.tolist()
        infos: list[Mapping[str, Any]] = [
            {"task_id": task, "family": family} for task, family in zip(forest.tasks, forest.families, strict=True)
        ]
        self._infos = [infos[task] for task in forest.task.tolist()]

    @property
    def actions(self) -> ActionSpec:
        """The action list."""
        return self.forest.actions

    @property
    def observations(self) -> ObservationSpec:
        """Features and bounds."""
        return self.forest.observations

    def reset(self, seed: int | None = None, task: str | None = None) -> Transition:
        """Starts a task; the next in random order for None. Raises EnvError for a task that is not among them."""
        if seed is not None:
            self._generator = np.random.default_rng(seed)
            self._queue = []
        if task is not None:
            if task not in self._roots:
                raise EnvError(
                    f"unknown task {task!r}; there are {len(self._roots)}, the first is {self.forest.tasks[0]!r}"
                )
            self.state = self._roots[task]
        else:
            if not self._queue:
                self._queue = self._generator.permutation(self.forest.roots).tolist()
            self.state = self._queue.pop()
        self._running = not self._ended[self.state]
        return self._arrived(self._costs[self.state])

    def step(self, action: int) -> Transition:
        """Follows an action to a recorded state.

        Raises:
            SpecMismatch: the action is not allowed here.
            EnvError: no episode is running.
        """
        state = self.state
        if not self._running:
            raise EnvError("no episode is running: call reset() first")
        allowed = self._allowed[state]
        if not (0 <= action < len(allowed) and allowed[action]):
            legal = [name for name, one in zip(self.actions.names, allowed, strict=True) if one]
            raise SpecMismatch(f"action {action} is not allowed here; recorded are {', '.join(legal)}")
        if action == self._terminal:
            self._running = False
            return self._transition(True, self._stop_costs[state])
        samples = self.forest.children[state][action]
        self.state = samples[0] if len(samples) == 1 else samples[int(self._generator.integers(len(samples)))]
        return self._arrived(self._costs[self.state])

    def close(self) -> None:
        """Nothing to release."""

    def _arrived(self, cost: float) -> Transition:
        if not self._ended[self.state]:
            return self._transition(False, cost)
        self._running = False
        return self._transition(True, cost + self._stop_costs[self.state])

    def _transition(self, done: bool, cost: float) -> Transition:
        state = self.state
        correct = self._scores[state] if done else None
        return Transition(self._observations[state], self._masks[state], done, correct, cost, self._infos[state])


def _frozen_rows(array: np.ndarray[Any, Any]) -> list[Any]:
    frozen = array.copy()
    frozen.setflags(write=False)
    return list(frozen)
