"""What each block is worth on a bank: what it adds where it was tried, and what would be lost without it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pilotage.navigator.bank.arrays import Forest
from pilotage.navigator.values.exact import Values, exact_values
from pilotage.navigator.values.outcomes import Outcomes


@dataclass(frozen=True)
class BlockValue:
    """One block on a bank, in the units of the value: right answers, less the weight of what was paid.

    Attributes:
        block: its name.
        tried: states in which it was recorded.
        gain: mean over these states of its best value minus that of stopping there; NaN where it was never tried.
        helps: share of these states in which it is worth more than stopping; NaN likewise.
        chosen: share of all decisions of the oracle's runs that take it.
        loss_without: mean value that the oracle loses when the block is taken away (the paper's ablation, exactly).
    """

    block: str
    tried: int
    gain: float
    helps: float
    chosen: float
    loss_without: float


def block_values(forest: Forest, cost_weight: float = 0.0) -> list[BlockValue]:
    """The worth of every block but the terminal one, in the order of the action list."""
    values = exact_values(forest, cost_weight)
    whole = values.oracle.value(cost_weight)
    visits = _visits(values)
    decided = max(float(visits.sum()), 1e-12)
    found = []
    for index, block in enumerate(forest.actions.names):
        if index == forest.terminal:
            continue
        tried = forest.playable[:, index] & ~forest.ended
        gains = values.q[tried, index] - values.stop[tried]
        taken = float(visits[(values.best == index) & ~forest.ended].sum())
        found.append(
            BlockValue(
                block,
                int(tried.sum()),
                float(gains.mean()) if len(gains) else float("nan"),
                float((gains > 0).mean()) if len(gains) else float("nan"),
                taken / decided,
                whole - _without(forest, index, cost_weight).value(cost_weight),
            )
        )
    return found


def _without(forest: Forest, index: int, cost_weight: float) -> Outcomes:
    playable = forest.playable.copy()
    playable[:, index] = False
    return exact_values(replace(forest, playable=playable), cost_weight).oracle


def _visits(values: Values) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Expected visits of every state, per run of the oracle on every task; 0 where a run ended by itself."""
    forest = values.forest
    visits = np.zeros(len(forest))
    visits[forest.roots] = 1.0
    for level in forest.levels:
        before, action = forest.parent[level], forest.action[level]
        taken = (values.best[before] == action) & ~forest.ended[before]
        visits[level] = np.where(taken, visits[before] / forest.samples[before, action], 0.0)
    visits[forest.ended] = 0.0
    return visits
