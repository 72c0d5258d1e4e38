"""Nearest neighbour: values of recorded states by kernel-based fitted Q (Ormoneit and Sen 2002) over the k nearest.

While fitting, a state's neighbours are those of other tasks, else it would know its own future.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pilotage.navigator.arguments import LEAST_WEIGHT
from pilotage.navigator.bank.arrays import BankArrays, Integers
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.errors import PolicyError
from pilotage.navigator.policies.inputs import Float32s
from pilotage.navigator.policies.nearest import NearestPolicy
from pilotage.navigator.policies.neighbours import Neighbours
from pilotage.navigator.spaces import ActionMask
from pilotage.navigator.training.algorithms.fitted import SWEEPS, FittedSetup

_ROWS = 256
"""States at once, all distances of which are held: a thousand bytes a state of the bank."""


def fit_nearest(bank: Bank, tasks: Iterable[str] | None = None, cost_weight: float = 0.1, k: int = 15) -> NearestPolicy:
    """The policy of some tasks, of all for None; raises BankError as `fit_linear`, PolicyError where k is below 1."""
    if k < 1:
        raise PolicyError(f"k is the number of neighbours, at least 1, not {k}")
    setup = FittedSetup(bank, tasks)
    header = setup.header("nearest", "nearest", cost_weight, k=k)
    return NearestPolicy(header, setup.scaling, setup.inputs, _values(setup, cost_weight, k))


def _values(setup: FittedSetup, cost_weight: float, k: int) -> Float32s:
    """Value of each recorded action in each state, shape (states, actions); NaN elsewhere."""
    arrays, states = setup.arrays, setup.inputs
    steps, shape = arrays.transitions, arrays.legal.shape
    near = _neighbours(arrays, states, k)
    counts = np.zeros(shape)
    np.add.at(counts, (steps.source, steps.action), 1)
    reward = steps.correct - max(cost_weight, LEAST_WEIGHT) * steps.cost
    goes_on, after = steps.target >= 0, np.maximum(steps.target, 0)
    future = np.zeros(len(states))
    values = np.full(shape, np.nan)
    for _ in range(SWEEPS):
        sums = np.zeros(shape)
        np.add.at(sums, (steps.source, steps.action), reward + goes_on * future[after])
        values = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        estimates = np.full(shape, -np.inf)
        for action, (who, known) in near.items():
            total = np.where(known, values[who, action], 0.0).sum(axis=1)
            estimates[:, action] = np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), -np.inf)
        best = np.where(setup.allowed, estimates, -np.inf).max(axis=1)
        future = np.where(np.isfinite(best), best, 0.0)
    return values.astype(np.float32)


def _neighbours(arrays: BankArrays, states: Float32s, k: int) -> dict[int, tuple[Integers, ActionMask]]:
    """For each action: the k nearest states of other tasks in which it was recorded, and which of the k there are."""
    columns = enumerate(arrays.transitions.recorded.T)
    pools = {action: np.flatnonzero(column) for action, column in columns if column.any()}
    neighbours = Neighbours(states, list(pools.values()), k)
    parts = []
    for start in range(0, len(states), _ROWS):
        rows = slice(start, start + _ROWS)
        own = arrays.task[rows, None] == arrays.task[None, :]  # else a state would know its own future
        parts.append(neighbours.of_all(states[rows], own))
    of_each = zip(*parts, strict=True)
    joined = [(np.concatenate([who for who, _ in one]), np.concatenate([there for _, there in one])) for one in of_each]
    return dict(zip(pools, joined, strict=True))
