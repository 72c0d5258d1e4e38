"""TaskOrder: tasks in random order, each once before any comes again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")


class TaskOrder(Generic[T]):
    """Draws tasks, or what stands for them.

    Args:
        tasks: at least one.
        generator: of the order; seeded with 0 if None.

    Attributes:
        generator: may serve other draws too.
    """

    def __init__(self, tasks: Sequence[T], generator: np.random.Generator | None = None) -> None:
        self.generator = np.random.default_rng(0) if generator is None else generator
        self._tasks = tuple(tasks)
        self._left: list[int] = []

    def restart(self, seed: int) -> None:
        """A new order from here on, by this seed alone."""
        self.generator, self._left = np.random.default_rng(seed), []

    def next(self) -> T:
        """The next task."""
        self._left = self._left or self.generator.permutation(len(self._tasks)).tolist()
        return self._tasks[self._left.pop()]
