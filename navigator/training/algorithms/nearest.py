"""Nearest neighbour: values of recorded states by kernel-based fitted Q (Ormoneit and Sen 2002) over the k nearest.

While fitting, a state's neighbours are those of other tasks, else it would know its own future.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from pilotage.navigator.arguments import LEAST_WEIGHT
from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.errors import PolicyError
from pilotage.navigator.policies.inputs import Float32s
from pilotage.navigator.policies.nearest import NearestPolicy
from pilotage.navigator.training.algorithms.fitted import SWEEPS, FittedSetup

_ROWS = 512


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


def _neighbours(arrays: BankArrays, states: Float32s, k: int) -> dict[int, tuple[Any, Any]]:
    """For each action: the k nearest states of other tasks in which it was recorded, and which of the k there are."""
    near = {}
    for action in range(len(arrays.actions)):
        candidates = np.flatnonzero(arrays.transitions.recorded[:, action])
        if not len(candidates):
            continue
        pool, norms = states[candidates], (states[candidates] ** 2).sum(axis=1)
        width = min(k, len(candidates))
        who = np.zeros((len(states), width), dtype=np.int64)
        known = np.zeros((len(states), width), dtype=np.bool_)
        for start in range(0, len(states), _ROWS):
            rows = slice(start, start + _ROWS)
            distances = norms - 2 * states[rows] @ pool.T
            distances[arrays.task[rows, None] == arrays.task[candidates][None, :]] = np.inf
            order = np.argsort(distances, axis=1, kind="stable")[:, :width]
            who[rows] = candidates[order]
            known[rows] = np.isfinite(np.take_along_axis(distances, order, axis=1))
        near[action] = who, known
    return near
