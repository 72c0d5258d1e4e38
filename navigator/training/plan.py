"""Plan: how to train; and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pilotage.navigator.arguments import require_seed, require_weight, require_whole
from pilotage.navigator.errors import PolicyError
from pilotage.navigator.policies.learned import Layers, LearnedPolicy
from pilotage.navigator.policies.trained import Meaning
from pilotage.navigator.training.algorithms.hyperparameters import DEFAULTS, RLOT, Hyperparameters

ALGORITHMS: Mapping[str, int] = {"double-dueling-dqn": 50_000, "qr-dqn": 50_000, "maskable-ppo": 50_000, "cql": 8_000}
"""Names, and how many steps a training has by default: environment steps, of cql gradient steps."""

RLOT_EPISODES = 3_000
"""Length of a training with the base `rlot`, of which a step is an episode."""

PIECES = 20
"""A training is scored, and can be killed and resumed, between so many pieces."""


@dataclass(frozen=True)
class Plan:
    """How to train.

    Attributes:
        algorithm: one of `ALGORITHMS`.
        cost_weight: right answers that a thousand tokens are worth.
        effort_input: train for all cost weights at once, with the weight as an input; see `CostWeighting`.
        seeds: trainings; the one that scores best on the validation tasks is kept, all are reported.
        seed: of the first one.
        steps: of each; the algorithm's default if None.
        ensemble: keep the mean of all seeds' networks, as one network, instead of the best one.
        fractions: shares of the tasks for `train`, `validation` and `test`; the last may be left out.
        split_seed: of the split.
        hyper: values of `Hyperparameters` to change, by name.
        base: `default`, or `rlot` for the hyperparameters and the schedule of RL of Thoughts, which is one for
            double-dueling-dqn; its steps are episodes.
        shaping: `exact` or `uniform` adds potential-based step rewards (see `RecordedReasoningEnv`), which leave the
            best policy as it is; None adds none. Not with an effort input, and not for cql.
        step_scores: pays every step but the last one for how good it is, as RL of Thoughts does: `values` for the
            bank's own values, or a file of `pilotage bank score`; None pays none. It changes which policy is best.
            Not where shaping is not, and not with shaping.
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
    step_scores: str | None = None

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise PolicyError(
                f"unknown algorithm {self.algorithm!r}; choose from {', '.join(ALGORITHMS)}, or in `pilotage train` "
                "also from linear and nearest, which need no plan"
            )
        require_weight(self.cost_weight, PolicyError)
        require_whole("the number of seeds", self.seeds, 1)
        require_seed(self.seed, what="the first seed")
        require_seed(self.split_seed, what="the split's seed")
        if self.steps is not None:
            require_whole("the number of steps", self.steps, PIECES)
        if self.base not in ("default", "rlot"):
            raise PolicyError(f"hyperparameters start from default or rlot, not {self.base!r}")
        if self.shaping is not None and (self.effort_input or self.algorithm == "cql"):
            raise PolicyError(
                "shaping is for one cost weight and an environment: not with an effort input, nor for cql"
            )
        if self.base == "rlot" and self.algorithm != "double-dueling-dqn":
            raise PolicyError(f"the base rlot is a schedule for double-dueling-dqn, not for {self.algorithm}")
        if self.step_scores is not None and (self.effort_input or self.algorithm == "cql" or self.shaping):
            raise PolicyError(
                "step scores are for one cost weight and an environment: not with an effort input or with shaping, nor "
                "for cql"
            )
        hyper = self.hyperparameters
        if self.algorithm == "maskable-ppo" and hyper.rollout % hyper.environments:
            raise PolicyError(
                f"rollout={hyper.rollout} is no multiple of environments={hyper.environments}: a rollout has equally "
                "many steps of each"
            )
        if not {"train", "validation"} <= self.fractions.keys() <= {"train", "validation", "test"}:
            raise PolicyError("the fractions are train, validation and test; only test may be left out")

    @cached_property
    def hyperparameters(self) -> Hyperparameters:
        """The algorithm's numbers."""
        base = RLOT if self.base == "rlot" else DEFAULTS[self.algorithm]
        return base.with_values(self.hyper)

    @property
    def length(self) -> int:
        """Steps of each training."""
        if self.steps is not None:
            return self.steps
        return RLOT_EPISODES if self.base == "rlot" else ALGORITHMS[self.algorithm]

    @property
    def unit(self) -> str:
        """What the length counts."""
        return "episodes" if self.base == "rlot" else "steps"


LIVE_HYPER: Mapping[str, Any] = {
    "environments": 1,  # a model that runs one request at a time gains nothing from episodes side by side
    "learning_rate": 3e-3,
    "gradient_every": 1,
    "batch": 64,
    "buffer": 5_000,
    "target_every": 100,
    "rollout": 128,
}
"""Changes for steps that are dear: more is learnt from each."""

STEPS_AN_EPISODE = 5
"""How many steps a live episode is reckoned with, as in RL of Thoughts."""


def live_plan(episodes: int = 300, algorithm: str = "double-dueling-dqn", **changes: Any) -> Plan:
    """A plan for live training: one seed, no test part, and by default so many steps as the episodes may have.

    Args:
        episodes: on the training tasks.
        algorithm: one of `ALGORITHMS`; cql needs a recorded bank.
        changes: other fields of `Plan`; hyperparameters in `hyper` come before `LIVE_HYPER`.
    """
    given = {
        "seeds": 1,
        "steps": max(PIECES, episodes * (1 if changes.get("base") == "rlot" else STEPS_AN_EPISODE)),
        "fractions": {"train": 0.7, "validation": 0.3},
        **changes,
    }
    given["hyper"] = {**(LIVE_HYPER if given.get("base", "default") == "default" else {}), **given.get("hyper", {})}
    return Plan(algorithm, **given)


Curve = tuple[Mapping[str, float], ...]
"""By piece: step, reward, accuracy and cost on the validation tasks."""


def best_of(curve: Curve) -> int:
    """Place of the best validation reward; of equals the cheapest, and of those the last, which has seen most."""
    return max(range(len(curve)), key=lambda place: (curve[place]["reward"], -curve[place]["cost"], place))


@dataclass(frozen=True)
class SeedResult:
    """One training: its seed, its curve, the network that scored best in it, and what the outputs mean."""

    seed: int
    curve: Curve
    layers: Layers
    output: Meaning

    @property
    def best(self) -> int:
        """The place in the curve that was kept."""
        return best_of(self.curve)

    @property
    def reward(self) -> float:
        """Validation reward of what was kept."""
        return self.curve[self.best]["reward"]


@dataclass(frozen=True)
class TrainingResult:
    """What came of a training: the policy kept, every seed, the tasks of each part, and the file if one was written."""

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


@dataclass(frozen=True)
class TrainingOutputs:
    """Where a training leaves what comes of it, and whom it tells.

    Attributes:
        out: the policy file; None for none.
        work: folder of its checkpoints; None for none.
        tensorboard: folder of TensorBoard logs; None for none.
        progress: called after every piece.
    """

    out: Path | None = None
    work: Path | None = None
    tensorboard: str | Path | None = None
    progress: Callable[[Progress], None] | None = None
