"""A model of what is still to come: fitted Q evaluation (Le, Voloshin and Yue 2019), linear, cross-fitted by task.

One ridge regression: a part that all actions share, and what each action adds to it, which is penalised more, so that
an action with few logged decisions is worth what the others are worth there. Each task is valued by a model that never
saw it; so its errors are independent of the run that corrects them, and doubly robust estimates stay unbiased.
"""

from __future__ import annotations

import numpy as np

from pilotage.navigator.errors import LogError
from pilotage.navigator.off_policy.log import Float64s, Integers, Log
from pilotage.navigator.policies.inputs import Scaling

FOLDS = 5
SHARED, OWN, OFFSET = 10.0, 30.0, 3.0
"""Ridge on what actions share, on what is an action's own, and on its offset; 1 is worth one decision."""


def fitted_values(log: Log, target: Float64s, folds: int = FOLDS, seed: int = 0) -> Float64s:
    """Expected score and cost still to come after each action at each decision, as the target goes on; (N, a, 2).

    Args:
        log: the runs; how probable their actions were plays no part.
        target: how probable the target policy is to take each action, shape (N, a).
        folds: parts that the tasks are dealt to; fewer where there are fewer tasks.
        seed: of the deal.

    Raises:
        LogError: there are fewer than two tasks or folds.
    """
    if min(folds, len(log.names)) < 2:
        raise LogError("a model needs at least 2 tasks and 2 folds, so that none is valued by what was learnt from it")
    dealt = np.random.default_rng(seed).permutation(len(log.names)) % min(folds, len(log.names))
    fold = dealt[log.task][log.episode]
    values = np.zeros((*log.legal.shape, 2))
    for number in range(int(dealt.max()) + 1):
        held_out = fold == number
        values[held_out] = _fit(log, target, np.flatnonzero(~held_out), np.flatnonzero(held_out))
    return values


def _fit(log: Log, target: Float64s, known: Integers, asked: Integers) -> Float64s:
    """Values at the decisions `asked`, learnt from the decisions `known` alone; (len(asked), a, 2)."""
    scaling = Scaling.from_data(log.observations, log.features[known])
    inputs = np.column_stack([scaling(log.features[known]), np.ones(len(known))]).astype(float)
    size, actions = inputs.shape[1], len(log.actions)
    taken = log.taken[known]
    design = np.zeros((len(known), size * (actions + 1)))
    design[:, :size] = inputs
    for action in range(actions):
        rows = np.flatnonzero(taken == action)
        design[rows, size * (action + 1) : size * (action + 2)] = inputs[rows]
    penalty = np.concatenate([[SHARED] * (size - 1), [1e-6], ([OWN] * (size - 1) + [OFFSET]) * actions])
    inverse = np.linalg.inv(design.T @ design + np.diag(penalty))
    places = np.full(len(log.taken), -1)
    places[known] = np.arange(len(known))
    after = np.where(log.next[known] >= 0, places[log.next[known]], -1)
    dearest = np.bincount(log.episode[known], weights=log.rewards[known, 1]).max()  # a run: no value is greater
    low, high = np.zeros(2), np.array([1.0, dearest])

    def valued(weights: Float64s, x: Float64s) -> Float64s:
        blocks = weights.reshape(actions + 1, size, 2)
        return np.asarray(np.clip(np.einsum("nf,afk->nak", x, blocks[:1] + blocks[1:]), low, high))

    future = np.zeros((len(known), 2))
    for _ in range(log.horizon):
        target_values = log.rewards[known] + np.where(after >= 0, 1.0, 0.0)[:, None] * future[after]
        weights = inverse @ (design.T @ target_values)
        future = expected(valued(weights, inputs), target[known])
    outside = np.column_stack([scaling(log.features[asked]), np.ones(len(asked))]).astype(float)
    return valued(weights, outside)


def expected(values: Float64s, target: Float64s) -> Float64s:
    """Values of states, (N, 2), from those of actions, (N, a, 2), and how probable each action is, (N, a)."""
    return np.asarray((values * target[:, :, None]).sum(axis=1))
