"""What each block is worth on a bank: what it adds where it was tried, and what would be lost without it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.values.exact import exact_values
from pilotage.navigator.values.rollout import mean_of_known


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


def block_values(arrays: BankArrays, cost_weight: float = 0.0) -> list[BlockValue]:
    """The worth of every block but the terminal one, in the order of the action list."""
    values = exact_values(arrays, cost_weight)
    whole, decided = values.oracle.value(cost_weight), values.best_rollout.decided.sum(axis=0)
    worths = []
    for index, block in enumerate(arrays.actions.names):
        if index == arrays.terminal:
            continue
        tried = arrays.playable[:, index] & ~arrays.ended
        gains = values.q[tried, index] - values.stop[tried]
        playable = arrays.playable & (np.arange(len(decided)) != index)
        without = exact_values(replace(arrays, playable=playable), cost_weight).oracle
        worths.append(
            BlockValue(
                block,
                tried=int(tried.sum()),
                gain=mean_of_known(gains),
                helps=mean_of_known(np.where(gains > 0, 1.0, 0.0)),
                chosen=float(decided[index] / max(decided.sum(), 1e-12)),
                loss_without=whole - without.value(cost_weight),
            )
        )
    return worths
