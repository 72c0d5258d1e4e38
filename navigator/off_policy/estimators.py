"""Estimators of a policy's value from runs of another policy, all in one form: a sum of weighted means.

Each is `sum over columns of (sum of share * over) / (sum of share * under)` with numbers of shape (runs, columns). So
one bootstrap over tasks serves all of them. Reward parts are kept apart; nothing is discounted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pilotage.navigator.off_policy.log import Float64s, Log
from pilotage.navigator.off_policy.model import expected
from pilotage.navigator.off_policy.weights import Weights

Name = Literal["is", "wis", "pdis", "wpdis", "dm", "dr", "wdr"]

ESTIMATORS: Mapping[Name, str] = {
    "is": "importance sampling",
    "wis": "weighted importance sampling",
    "pdis": "per-decision importance sampling",
    "wpdis": "weighted per-decision importance sampling",
    "dm": "direct method: the model alone",
    "dr": "doubly robust",
    "wdr": "weighted doubly robust",
}
WITHOUT_MODEL: tuple[Name, ...] = ("is", "wis", "pdis", "wpdis")
WITH_MODEL: tuple[Name, ...] = ("dm", "dr", "wdr")
RECOMMENDED_ESTIMATOR: Name = "wdr"
"""The one to read first: it has the least error in most settings (Voloshin et al. 2021, with a fitted model)."""


@dataclass(frozen=True)
class Terms:
    """What an estimate is made of; n runs, k columns, 2 reward parts.

    Attributes:
        over: float (n, k, 2).
        under: float (n, k).
        empty: what a column is worth whose weights are all 0: 0, or NaN where the estimate is then unknown.
    """

    over: Float64s
    under: Float64s
    empty: float = 0.0

    def value(self, share: Float64s) -> Float64s:
        """The estimate, shape (2,), for runs that count so much, shape (n,); (b, 2) for shares of shape (b, n)."""
        top = np.einsum("...n,nkp->...kp", share, self.over)
        bottom = (share @ self.under)[..., None]
        known = bottom > 0
        parts = np.where(known, top / np.where(known, bottom, 1.0), self.empty)
        return np.asarray(parts.sum(axis=-2))


def logged(log: Log) -> Terms:
    """What the logged runs themselves brought: a plain mean."""
    return _with_first_cost(log, log.grid(log.rewards).sum(axis=1)[:, None], np.ones((len(log), 1)))


def terms(name: Name, weights: Weights, values: Float64s | None = None) -> Terms:
    """The terms of an estimator.

    Args:
        name: which one.
        weights: runs and target.
        values: what is still to come after each action, shape (N, a, 2); for those in `WITH_MODEL`.
    """
    log = weights.log
    rewards = log.grid(log.rewards)
    whole, so_far, before = weights.whole[:, None], weights.so_far, weights.before
    if name in ("is", "wis"):  # Kahn and Marshall 1953; Precup, Sutton and Singh 2000 for whole runs
        over, weighed = whole[..., None] * rewards.sum(axis=1)[:, None], whole
    elif name in ("pdis", "wpdis"):  # Precup, Sutton and Singh 2000, section 4
        over, weighed = so_far[..., None] * rewards, so_far
    else:
        assert values is not None, "this estimator needs a model"
        state = log.grid(expected(values, weights.target))
        if name == "dm":
            return _with_first_cost(log, state[:, :1], np.ones((len(log), 1)))
        corrections = so_far[..., None] * (rewards - log.grid(values[np.arange(len(log.taken)), log.taken]))
        expectations = before[..., None] * state
        if name == "dr":  # Jiang and Li 2016, section 4, unrolled
            return _with_first_cost(log, corrections + expectations, np.ones_like(so_far))
        # Thomas and Brunskill 2016, section 4.2. A decision's value is weighed as the decisions before it are.
        over = np.concatenate([expectations, corrections], axis=1)
        return _with_first_cost(log, over, np.concatenate([before, so_far], axis=1))
    if name in ("wis", "wpdis"):
        return _with_first_cost(log, over, weighed, np.nan)
    return _with_first_cost(log, over, np.ones_like(weighed))


def _with_first_cost(log: Log, over: Float64s, under: Float64s, empty: float = 0.0) -> Terms:
    """The terms, and what is paid before any decision, which no policy changes."""
    first = np.zeros((len(log), 1, 2))
    first[:, 0, 1] = log.first_cost
    return Terms(np.concatenate([first, over], axis=1), np.column_stack([np.ones(len(log)), under]), empty)
