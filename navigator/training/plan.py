"""What a training is told, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from navigator.errors import PolicyError
from navigator.learned import Layers, LearnedPolicy, Meaning
from navigator.training.hyperparameters import DEFAULTS, RLOT, Hyperparameters

ALGORITHMS: Mapping[str, int] = {"double-dueling-dqn": 50_000, "qr-dqn": 50_000, "maskable-ppo": 50_000, "cql": 8_000}
"""Names, and how many steps a training has by default: environment steps, of cql gradient steps."""

RLOT_STEPS = 15_000
"""3,000 episodes of at most 5 steps."""

PIECES = 20
"""A training is scored, and can be killed and resumed, between so many pieces."""

LEAST_SUPPORT = 3
"""Tasks on which an action must have been tried after some blocks for a policy to choose it there; see `Support`."""


@dataclass(frozen=True)
class Plan:
    """How to train.

    Attributes:
        algorithm: one of `ALGORITHMS`.
        cost_weight: right answers that a thousand tokens are worth.
        effort_input: train for all cost weights at once, with the weight as an input; see `Dial`.
        seeds: trainings; the one that scores best on the validation tasks is kept, all are reported.
        seed: of the first one.
        steps: of each; the algorithm's default if None.
        ensemble: keep the mean of all seeds' networks, as one network, instead of the best one.
        fractions: shares of the tasks for `train`, `validation` and `test`; the last may be left out.
        split_seed: of the split.
        hyper: hyperparameters to change, by name; see `navigator.training.learner.Hyperparameters`.
        base: hyperparameters to start from, `default` or `rlot`.
        shaping: `exact` or `uniform` adds potential-based step rewards (see `RecordedReasoningEnv`), which leave the
            best policy as it is; None adds none. Not with an effort input, and not for cql.
    """

    algorithm: str = "double-dueling-dqn"
    cost_weight: float = 0.1
    effort_input: bool = False
    seeds: int = 5
    seed: int = 0
    steps: int | None = None
    ensemble: bool = False
    fractions: Mapping[str, float] = field(default_factory=lambda: {"train": 0.6, "validation": 0.2, "test": 0.2})
    split_seed: int = 0
    hyper: Mapping[str, Any] = field(default_factory=dict)
    base: str = "default"
    shaping: Literal["exact", "uniform"] | None = None

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise PolicyError(f"unknown algorithm {self.algorithm!r}; choose from {', '.join(ALGORITHMS)}")
        if not 0 <= self.cost_weight < float("inf"):
            raise PolicyError(f"the cost weight must be 0 or more, not {self.cost_weight}")
        if self.seeds < 1 or (self.steps is not None and self.steps < PIECES):
            raise PolicyError(f"a training needs at least 1 seed and {PIECES} steps")
        if self.base not in ("default", "rlot"):
            raise PolicyError(f"hyperparameters start from default or rlot, not {self.base!r}")
        if self.shaping is not None and (self.effort_input or self.algorithm == "cql"):
            raise PolicyError(
                "shaping is for one cost weight and an environment: not with an effort input, nor for cql"
            )
        if not {"train", "validation"} <= self.fractions.keys() <= {"train", "validation", "test"}:
            raise PolicyError("the fractions are train, validation and test; only test may be left out")

    @property
    def hyperparameters(self) -> Hyperparameters:
        """The algorithm's numbers."""
        base = RLOT if self.base == "rlot" else DEFAULTS[self.algorithm]
        return base.with_values(self.hyper)

    @property
    def length(self) -> int:
        """Steps of each training."""
        if self.steps is not None:
            return self.steps
        return RLOT_STEPS if self.base == "rlot" else ALGORITHMS[self.algorithm]


@dataclass(frozen=True)
class SeedResult:
    """One training.

    Attributes:
        seed: its seed.
        curve: by piece: step, reward, accuracy and cost on the validation tasks.
        best: the place in the curve that was kept.
        layers: the network there.
        output: what its outputs mean.
    """

    seed: int
    curve: tuple[Mapping[str, float], ...]
    best: int
    layers: Layers
    output: Meaning

    @property
    def reward(self) -> float:
        """Validation reward of what was kept."""
        return self.curve[self.best]["reward"]


@dataclass(frozen=True)
class TrainingResult:
    """What came of a training.

    Attributes:
        policy: the policy that was kept.
        seeds: all trainings.
        tasks: the tasks of each part of the split.
        path: the policy file, if one was written.
    """

    policy: LearnedPolicy
    seeds: tuple[SeedResult, ...]
    tasks: Mapping[str, list[str]]
    path: Path | None

    @property
    def card(self) -> Mapping[str, Any]:
        """The training card."""
        return self.policy.header.card


@dataclass(frozen=True)
class Progress:
    """One more piece is done: which seed, how far, and its scores on the validation tasks."""

    seed: int
    step: int
    steps: int
    reward: float
    accuracy: float
    cost: float
