"""Situations: the kinds of state in which experience is kept apart.

They are the start, and each block that ran last with and without an answer at hand.

Finer ones would say more and be seldom met: two hundred tasks are few for ten blocks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pilotage.navigator.spaces import ActionSpec, ObservationSpec

Integers = NDArray[np.int64]


class Situations:
    """Reads the situation off observations; raises SpecMismatch where they lack a feature that tells it.

    Args:
        actions: the action list.
        observations: features, of which `candidates` and each block's `last_<block>` are read.
    """

    def __init__(self, actions: ActionSpec, observations: ObservationSpec) -> None:
        self.blocks = tuple(name for name in actions.names if name != actions.terminal)
        zero = observations.low
        observations.value(zero, "candidates")
        self._answered = observations.names.index("candidates")
        for block in self.blocks:
            observations.value(zero, f"last_{block}")
        self._last = [observations.names.index(f"last_{block}") for block in self.blocks]

    def __len__(self) -> int:
        return 1 + 2 * len(self.blocks)

    @property
    def names(self) -> tuple[str, ...]:
        """What each is, for people."""
        return ("start", *(f"{block}, {state}" for block in self.blocks for state in ("no answer", "answered")))

    def of(self, observations: NDArray[np.float32]) -> Integers:
        """The situation of each observation, int (n,), of observations (n, features)."""
        last = observations[:, self._last]
        block = last.argmax(axis=1)
        answered = (observations[:, self._answered] > 0).astype(np.int64)
        return np.where(last.max(axis=1, initial=0) > 0, 1 + 2 * block + answered, 0)
