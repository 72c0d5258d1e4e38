"""RecordedDynamics: steps through recorded trees, so that a step costs microseconds and no LLM call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np

from pilotage.navigator.arguments import require_seed
from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.dynamics import Transition, as_index
from pilotage.navigator.errors import EnvError, SpecMismatch
from pilotage.navigator.task_order import TaskOrder


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
            require_seed(seed, EnvError)
        self.actions, self.observations = arrays.actions, arrays.observations
        self.state = int(arrays.roots[0])
        self._order = TaskOrder(arrays.roots.tolist(), np.random.default_rng(seed))
        self._running = False
        self._rows = _Rows(arrays)

    def reset(self, seed: int | None = None, task: str | None = None) -> Transition:
        """Starts a task; the next in random order for None.

        Raises:
            EnvError: the task is not among them, or the seed is none.
        """
        if seed is not None:
            self._order.restart(require_seed(seed, EnvError))
        if task is not None:
            names = self.arrays.tasks
            if task not in names:
                raise EnvError(f"unknown task {task!r}; there are {len(names)}, the first is {names[0]!r}")
            self.state = int(self.arrays.roots[names.index(task)])
        else:
            self.state = self._order.next()
        return self._arrived()

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
            return rows.stopped[state]
        samples = self.arrays.children[state][action]
        self.state = samples[0] if len(samples) == 1 else samples[int(self._order.generator.integers(len(samples)))]
        return self._arrived()

    def _arrived(self) -> Transition:
        transition = self._rows.arrived[self.state]
        self._running = not transition.done
        return transition

    def close(self) -> None:
        """Nothing to release."""


class StateNumbers:
    """A number for each recorded state, given for the state that a dynamics is in; a potential, or step scores.

    An object and no closure, so that it goes with its dynamics where an environment is copied or pickled.
    """

    def __init__(self, dynamics: RecordedDynamics, numbers: Sequence[float]) -> None:
        self._dynamics, self._numbers = dynamics, tuple(numbers)

    def __call__(self) -> float:
        """The number of the present state."""
        return self._numbers[self._dynamics.state]


class _Rows:
    """What each state gives, made once: arriving there (`arrived`), and taking the terminal action there (`stopped`).

    Nothing changes it, so copies of an environment share it, and a pickled one makes it anew.
    """

    def __init__(self, arrays: BankArrays) -> None:
        self.arrays, self.terminal = arrays, arrays.terminal
        self.allowed = arrays.playable.tolist()
        infos = [{"task_id": task, "family": one} for task, one in zip(arrays.tasks, arrays.families, strict=True)]
        columns = (arrays.ended, arrays.score, arrays.cost, arrays.answer_cost, arrays.task)
        rows = (list(arrays.features), list(arrays.playable), *(column.tolist() for column in columns))
        self.arrived: list[Transition] = []
        self.stopped: list[Transition] = []
        for seen, mask, ended, score, cost, answer_cost, task in zip(*rows, strict=True):
            paid, correct = (cost + answer_cost, score) if ended else (cost, None)
            self.arrived.append(Transition(seen, mask, ended, correct, paid, infos[task]))
            self.stopped.append(Transition(seen, mask, True, score, answer_cost, infos[task]))

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[type[_Rows], tuple[BankArrays]]:
        return type(self), (self.arrays,)
