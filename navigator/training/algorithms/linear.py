"""Linear: the value of each action as a linear function of the scaled features, by fitted Q (Ernst et al. 2005).

A baseline that any learned router must beat. No torch: each sweep is one ridge regression an action.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pilotage.navigator.arguments import LEAST_WEIGHT
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.policies.inputs import CostWeighting, Float32s
from pilotage.navigator.policies.learned import LearnedPolicy
from pilotage.navigator.training.algorithms.fitted import SWEEPS, FittedSetup

RIDGE = 3.0
"""Penalty on squared weights; 1 is worth one state."""

EFFORTS = np.linspace(0, 1, 5, dtype=np.float32)


def fit_linear(
    bank: Bank,
    tasks: Iterable[str] | None = None,
    cost_weight: float = 0.1,
    *,
    effort_input: bool = False,
) -> LearnedPolicy:
    """The linear policy of some tasks, of all for None: a `LearnedPolicy` of one layer, with the same file.

    For one cost weight, or with `effort_input` for all at once, with the effort as an input. Raises BankError where a
    task is unknown, or a file is damaged.
    """
    setup = FittedSetup(bank, tasks)
    weighting = CostWeighting() if effort_input else cost_weight
    weights = _fit(setup, weighting)
    header = setup.header("network", "linear", weighting, output="value")
    return LearnedPolicy(header, [(weights[:, :-1], weights[:, -1])], setup.scaling)


def _fit(setup: FittedSetup, weighting: CostWeighting | float) -> Float32s:
    """Weights of shape (actions, inputs + 1), the bias last."""
    arrays, inputs = setup.arrays, setup.inputs
    bias = np.ones((len(inputs), 1))
    if isinstance(weighting, CostWeighting):
        designs = [np.hstack([inputs, np.full_like(bias, 1 - effort), bias]) for effort in EFFORTS]
        cost_weights = [weighting.weight(float(effort)) for effort in EFFORTS]
    else:
        designs, cost_weights = [np.hstack([inputs, bias])], [weighting]
    size = designs[0].shape[1]
    steps = arrays.transitions
    rewards = [steps.correct - max(weight, LEAST_WEIGHT) * steps.cost for weight in cost_weights]
    penalty = RIDGE * np.eye(size)
    penalty[-1, -1] = 1e-6  # the bias is free
    solvers = []
    for action in range(len(arrays.actions)):
        rows = np.flatnonzero(steps.action == action)
        x = np.vstack([design[steps.source[rows]] for design in designs])
        solvers.append((rows, np.linalg.solve(x.T @ x + penalty * len(designs), x.T)))
    weights = np.zeros((len(arrays.actions), size))
    goes_on, after = steps.target >= 0, np.maximum(steps.target, 0)
    for _ in range(SWEEPS):
        target_q_values = []
        for design, reward in zip(designs, rewards, strict=True):
            values = np.where(setup.allowed, design @ weights.T, -np.inf).max(axis=1, initial=-np.inf)
            future = np.clip(np.where(np.isfinite(values), values, 0.0), -10.0, 1.0)  # a score is at most 1
            target_q_values.append(reward + goes_on * future[after])
        weights = np.stack([solve @ np.concatenate([w[rows] for w in target_q_values]) for rows, solve in solvers])
    return weights.astype(np.float32)
