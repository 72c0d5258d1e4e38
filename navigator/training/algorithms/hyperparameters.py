"""Hyperparameters: the numbers of the algorithms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from pilotage.navigator.arguments import require_whole
from pilotage.navigator.errors import PolicyError


@dataclass(frozen=True)
class Hyperparameters:
    """Of all algorithms; each uses what it has a use for.

    Attributes:
        hidden: sizes of the hidden layers.
        learning_rate: of Adam, at the start; it falls linearly to a tenth.
        batch: transitions of one gradient step.
        buffer: transitions that are remembered (DQN, QR-DQN).
        target_every: environment steps between updates of the target network, rounded down to whole rounds of all
            environments, but at least one (DQN, QR-DQN).
        exploration: share of the training in which random actions go from all to `exploration_end`.
        exploration_end: share of random actions after it.
        gradient_every: environment steps for each gradient step (DQN, QR-DQN).
        quantiles: of each action's return (QR-DQN).
        rollout: environment steps between updates, a multiple of `environments` (PPO).
        epochs: passes over a rollout (PPO).
        entropy: weight of the entropy bonus (PPO).
        conservatism: how much lower actions are valued that may be chosen and were not recorded (CQL); 0 for not.
        decay: weight decay (CQL).
        gamma: discount; anything but 1 pays for stalling or for haste.
        environments: episodes that run side by side.
    """

    hidden: tuple[int, ...] = (64, 64)
    learning_rate: float = 1e-3
    batch: int = 256
    buffer: int = 20_000
    target_every: int = 250
    exploration: float = 0.4
    exploration_end: float = 0.05
    gradient_every: int = 4
    quantiles: int = 21
    rollout: int = 1024
    epochs: int = 6
    entropy: float = 0.01
    conservatism: float = 0.05
    decay: float = 1e-3
    gamma: float = 1.0
    environments: int = 8

    def __post_init__(self) -> None:
        sizes: Any = self.hidden
        if not isinstance(sizes, tuple | list) or not sizes:
            raise PolicyError(f"hidden layers are sizes, at least one, for example 64,64; got {sizes!r}")
        for size in sizes:
            require_whole("a hidden layer's size", size, 1, _LARGEST_LAYER)
        object.__setattr__(self, "hidden", tuple(sizes))
        for name in (f.name for f in fields(self) if f.type == "int"):
            require_whole(name, getattr(self, name), 2 if name == "rollout" else 1)
        for name, (low, high) in _RANGES.items():
            given = getattr(self, name)
            if not isinstance(given, int | float) or isinstance(given, bool) or not low <= given <= high:
                raise PolicyError(f"{name} must be a number from {low:g} to {high:g}, not {given!r}")

    def with_values(self, values: Mapping[str, Any]) -> Hyperparameters:
        """A copy with some values changed; raises PolicyError for a name that there is not."""
        names = [f.name for f in fields(self)]
        if unknown := sorted(values.keys() - set(names)):
            raise PolicyError(f"unknown hyperparameter {unknown[0]!r}; there are {', '.join(names)}")
        return replace(self, **values)


_LARGEST_LAYER = 16_384
_LEAST = 1e-30
_RANGES: Mapping[str, tuple[float, float]] = {
    "learning_rate": (_LEAST, 1.0),
    "exploration": (0.0, 1.0),
    "exploration_end": (0.0, 1.0),
    "entropy": (0.0, 1e6),
    "conservatism": (0.0, 1e6),
    "decay": (0.0, 1e6),
    "gamma": (_LEAST, 1.0),
}
"""Bounds of the other numbers; beyond them a training diverges or stands still."""

RLOT = Hyperparameters(
    hidden=(32, 32),
    learning_rate=1e-2,
    batch=64,
    buffer=500,
    target_every=50,
    gamma=0.9,
    gradient_every=1,
    environments=1,
)
"""The schedule of RL of Thoughts (arXiv 2505.14140), to compare with; its gamma pays for finishing early."""

DEFAULTS: Mapping[str, Hyperparameters] = defaultdict(Hyperparameters, {"maskable-ppo": Hyperparameters(batch=128)})
"""Where each algorithm starts."""
