"""Ridge: what each action is worth before the one-bit rule goes on, linear in the features, with standard errors.

One step of policy improvement (Sutton and Barto 2018, section 4.2) over a rule that needs no training: targets are
exact values of recorded trees, not estimates of estimates. A task counts once for each action, however many of its
states have it, since its states are no independent evidence; so the standard errors are those of so many tasks.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pilotage.navigator.arguments import LEAST_WEIGHT
from pilotage.navigator.bank.arrays import Float64s, Integers
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.policies.inputs import Float32s
from pilotage.navigator.policies.ridge import RidgePolicy
from pilotage.navigator.policies.rules.one_bit import one_bit
from pilotage.navigator.training.algorithms.fitted import FittedSetup
from pilotage.navigator.values.exact import policy_values

PENALTIES = (1.0, 3.0, 10.0, 30.0, 100.0)
"""Of squared coefficients, in tasks; chosen by leaving folds of the tasks out."""
FOLDS = 5


def fit_ridge(bank: Bank, tasks: Iterable[str] | None = None, cost_weight: float = 0.1) -> RidgePolicy:
    """The policy of some tasks, of all for None.

    Raises:
        BankError: a task is unknown, or a file is damaged.
        SpecMismatch: the features lack one that the one-bit rule needs.
    """
    setup = FittedSetup(bank, tasks)
    arrays = setup.arrays
    values = policy_values(arrays, one_bit(arrays.actions, arrays.observations), max(cost_weight, LEAST_WEIGHT))
    design = np.column_stack([setup.inputs, np.ones(len(setup.inputs))]).astype(np.float64)
    weights = np.zeros((len(arrays.actions), design.shape[1]), dtype=np.float32)
    covariance = np.zeros((*weights.shape, design.shape[1]), dtype=np.float32)
    for action in range(len(arrays.actions)):
        rows = np.flatnonzero(arrays.playable[:, action] & ~arrays.ended)
        if len(np.unique(arrays.task[rows])) >= 2 * FOLDS:
            own = design[rows], values.q[rows, action], arrays.task[rows]
            weights[action], covariance[action] = _posterior(*own)
    return RidgePolicy(setup.header("ridge", "ridge", cost_weight), setup.scaling, weights, covariance)


def _posterior(design: Float64s, target: Float64s, task: Integers) -> tuple[Float32s, Float32s]:
    """Mean and covariance of the coefficients, by the penalty that foresees other tasks best."""
    share = 1 / np.bincount(task)[task]
    fold = np.unique(task, return_inverse=True)[1] % FOLDS
    losses = {penalty: _loss(design, target, share, fold, penalty) for penalty in PENALTIES}
    penalty = min(losses, key=lambda one: losses[one])
    precision = _precision(design, share, penalty)
    mean = np.linalg.solve(precision, design.T @ (share * target))
    return mean.astype(np.float32), (losses[penalty] * np.linalg.inv(precision)).astype(np.float32)


def _precision(design: Float64s, share: Float64s, penalty: float) -> Float64s:
    penalties = np.full(design.shape[1], penalty)
    penalties[-1] = 1e-6  # the intercept is free
    return (design * share[:, None]).T @ design + np.diag(penalties)


def _loss(design: Float64s, target: Float64s, share: Float64s, fold: Integers, penalty: float) -> float:
    """Mean squared error of a task that was left out: also the noise of one."""
    total = 0.0
    for number in range(FOLDS):
        learned, judged = fold != number, fold == number
        precision = _precision(design[learned], share[learned], penalty)
        mean = np.linalg.solve(precision, design[learned].T @ (share[learned] * target[learned]))
        total += float(share[judged] @ (design[judged] @ mean - target[judged]) ** 2)
    return total / float(share.sum())
