"""Fitting a cascade's doubt: from which log-probabilities on a second route is worth its tokens."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import product

import numpy as np

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.policies.cascade import Doubt
from pilotage.navigator.policies.one_bit import one_bit
from pilotage.navigator.values.exact import policy_values

MEANS = (-math.inf, -0.4, -0.3, -0.25, -0.2, -0.18, -0.15, -0.12, -0.1, -0.08, -0.05, 0.0)
LEASTS = (-math.inf, -3.0, -2.5, -2.0, -1.8, -1.6, -1.5, -1.4, -1.3, -1.2, -1.1, -1.0, -0.8)


def fit_doubt(bank: Bank, tasks: Iterable[str] | None = None, cost_weight: float = 0.1) -> Doubt:
    """The pair of `MEANS` and `LEASTS` that is worth most on some tasks, all for None; of equal ones the least doubt.

    What a second route is worth behind a task's first program is exact: what was recorded behind it, less its price.

    Raises:
        BankError: a task is unknown, or a file is damaged.
        SpecMismatch: the bank lacks a block or a feature that a cascade needs.
    """
    arrays = BankArrays.of(bank, tasks)
    names, index = arrays.observations.names, arrays.actions.index
    values = policy_values(arrays, one_bit(arrays.actions, arrays.observations), cost_weight)
    first = np.flatnonzero((arrays.depth == 1) & (arrays.action == index("program")))
    share = 1 / np.bincount(arrays.task[first], minlength=len(arrays.tasks))[arrays.task[first]]
    seen = arrays.features[first]
    gain = share * (values.q[first, index("reason")] - values.q[first, arrays.terminal])
    gain[~np.isfinite(gain) | (seen[:, names.index("leader_executed")] != 1)] = 0  # no answer, or no second route there
    mean, least = seen[:, names.index("leader_mean_logprob")], seen[:, names.index("leader_min_logprob")]
    worth = {pair: round(float(gain[(mean < pair[0]) | (least < pair[1])].sum()), 9) for pair in product(MEANS, LEASTS)}
    return Doubt(*max(worth, key=lambda pair: worth[pair]))
