"""Learner: one training with one seed, in pieces between which it can be killed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

import numpy as np

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.dynamics import Dynamics
from pilotage.navigator.envs.step_rewards import StepRewards
from pilotage.navigator.policies.inputs import CostWeighting, Float32s, Scaling
from pilotage.navigator.policies.learned import Layers
from pilotage.navigator.policies.trained import Meaning
from pilotage.navigator.spaces import ActionMask
from pilotage.navigator.training.plan import Plan


@dataclass(frozen=True)
class TrainingSetup:
    """What a learner learns from, and how.

    Attributes:
        plan: how.
        bank: where the arrays are from.
        arrays: the training tasks.
        scaling: from observations to inputs.
        dial: what efforts weigh, where the effort is an input; else None, and the plan's cost weight holds throughout.
        allowed: what a policy may choose in each state, shape (n, a).
        step_scores: what each step is paid for how good it is, or None.
        live: what the environment runs on instead of the bank; None for the bank.
    """

    plan: Plan
    bank: Bank
    arrays: BankArrays
    scaling: Scaling
    dial: CostWeighting | None
    allowed: ActionMask
    step_scores: StepRewards | None = None
    live: Dynamics | None = None

    @property
    def inputs(self) -> int:
        """Number of inputs of a network."""
        return len(self.scaling.shift) + (self.dial is not None)

    def efforts(self, generator: np.random.Generator, count: int) -> Float32s:
        """Efforts to train on, uniform; shape (count,)."""
        return generator.random(count, dtype=np.float32)

    def weights(self, efforts: Float32s) -> Float32s:
        """Cost weights of efforts; the plan's for all where the effort is no input."""
        if self.dial is None:
            return np.full(len(efforts), self.plan.cost_weight, dtype=np.float32)
        growth = 1 + self.dial.top / self.dial.half
        weights: Float32s = (self.dial.half * (np.power(growth, 1 - efforts) - 1)).astype(np.float32)
        return weights


class Learner(Protocol):
    """One training. `advance` is called for one piece after the other; each starts from its own random state."""

    output: Meaning

    def advance(self, steps: int, seed: int, piece: int) -> Mapping[str, float]:
        """Goes on for so many steps, with randomness from the training's seed and the piece's number alone.

        Returns figures for the log.
        """
        ...

    def layers(self) -> Layers:
        """The network as it is, as plain layers."""
        ...

    def adopt(self, layers: Layers) -> None:
        """Starts from the network of an earlier policy; raises PolicyError where it does not fit."""
        ...

    def save(self, folder: Path) -> None:
        """Writes all that `restore` needs to go on as if nothing had happened."""
        ...

    def restore(self, folder: Path) -> None:
        """Reads what `save` wrote."""
        ...

    def close(self) -> None:
        """Releases the environments."""
        ...


_LEARNERS = {
    "cql": ("fitted_q", "FittedQ"),
    "double-dueling-dqn": ("double_dueling_dqn", "DoubleDuelingDQN"),
    "rlot": ("rlot", "PaperDQN"),
    "qr-dqn": ("qr_dqn", "QuantileDQN"),
    "maskable-ppo": ("maskable_ppo", "MaskedPPO"),
}
"""Module and class by the names of `pilotage.navigator.training.plan.ALGORITHMS` and by the base `rlot`."""


def learner_for(setup: TrainingSetup, seed: int) -> Learner:
    """A learner at its beginning; its library is imported now."""
    module, name = _LEARNERS["rlot" if setup.plan.base == "rlot" else setup.plan.algorithm]
    learner: Learner = getattr(import_module(f"{__package__}.{module}"), name)(setup, seed)
    return learner
