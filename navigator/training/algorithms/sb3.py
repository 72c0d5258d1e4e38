"""What the learners on stable-baselines3 share: pieces that are each reproducible, and checkpoints.

A piece begins with new episodes and a random state of its own; so a training that was killed and resumed takes the same
way as one that was not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from math import gcd
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.utils import set_random_seed

from pilotage.navigator.policies.inputs import Float32s
from pilotage.navigator.policies.trained import Meaning
from pilotage.navigator.training.algorithms.environments import environments, unpack
from pilotage.navigator.training.algorithms.hyperparameters import Hyperparameters
from pilotage.navigator.training.algorithms.learner import Learner, TrainingSetup

_MODEL, _BUFFER = "model.zip", "buffer.pkl"
_NEVER = 10**9
"""Episodes between stable-baselines3's own log lines; the figures are read from its logger instead."""


class WholeTraining(BaseAlgorithm):
    """Schedules run over the whole training, not over the piece that `learn` is called for."""

    planned_steps: int
    asked_steps: int = 0

    def _update_current_progress_remaining(self, num_timesteps: int, total_timesteps: int) -> None:
        super()._update_current_progress_remaining(min(num_timesteps, self.planned_steps), self.planned_steps)


class MaskedDQN(WholeTraining, OffPolicyAlgorithm):
    """Epsilon-greedy over legal actions, drawn for each environment by itself; needs masks in the observations."""

    exploration_rate: float

    def predict(
        self,
        observation: Any,
        state: tuple[Any, ...] | None = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[Any, tuple[Any, ...] | None]:
        greedy, state = self.policy.predict(observation, state, episode_start, deterministic=True)
        return (greedy if deterministic else self._explored(observation, greedy, self.exploration_rate)), state

    def _sample_action(self, learning_starts: int, action_noise: Any = None, n_envs: int = 1) -> tuple[Any, Any]:
        observations = cast(Float32s, self._last_obs)
        at_random = self.num_timesteps < learning_starts
        actions = self._explored(observations, 0, 1.0) if at_random else self.predict(observations)[0]
        return actions, actions

    def _explored(self, observations: Float32s, greedy: Any, share: float) -> Any:
        """Greedy actions, of which a share is replaced by legal ones drawn at random; shape (n,)."""
        _, masks = unpack(observations, int(cast(Any, self.action_space).n))
        draws = np.random.random(masks.shape) * masks
        replaced = np.random.random(len(observations)) < share
        return np.where(replaced, draws.argmax(axis=1), greedy)


class MaskedNetwork(BasePolicy):
    """A network of stable-baselines3, made anew over observations that hold the mask behind the inputs."""

    features_dim: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actions = int(cast(Any, self.action_space).n)
        self.make(self.features_dim - self.actions)

    @abstractmethod
    def make(self, inputs: int) -> None:
        """Puts a network of so many inputs in the place of the one that stable-baselines3 has made."""


class FallingRate:
    """Learning rate, by the share of the training that is left, that falls linearly to a tenth."""

    def __init__(self, start: float) -> None:
        self.start = start

    def __call__(self, remaining: float) -> float:
        return self.start * (0.1 + 0.9 * remaining)


class SB3Learner(Learner, ABC):
    """A `Learner` over an algorithm of stable-baselines3; subclasses build it and read its network.

    `with_mask` says whether the algorithm needs the masks in the observations.
    """

    output: Meaning = "value"
    with_mask: ClassVar[bool] = True

    def __init__(self, setup: TrainingSetup, seed: int) -> None:
        self.setup = setup
        self.environments = environments(setup, self.with_mask)
        set_random_seed(seed)
        self.model: Any = self._build(setup.plan.hyperparameters)
        self._prepare()

    @abstractmethod
    def _build(self, hyper: Hyperparameters) -> BaseAlgorithm:
        """The algorithm, untrained."""

    def _prepare(self) -> None:
        self.model.planned_steps = self.setup.plan.length
        if self.setup.live is not None and isinstance(self.model, OffPolicyAlgorithm):
            # A live training is short, and a random step costs as much as any other: learn from early on.
            self.model.learning_starts = min(self.model.learning_starts, self.setup.plan.length // 10)
        self.model.set_logger(Logger(None, []))

    def advance(self, steps: int, seed: int, piece: int) -> Mapping[str, float]:
        """So many environment steps, rounded up to whole rounds."""
        self.model.asked_steps += steps
        left = self._steps_left()
        if left > 0:  # else the last piece's whole rounds went beyond this one
            sequence = np.random.SeedSequence([seed, piece])
            set_random_seed(int(sequence.generate_state(1)[0]))
            self.environments.seed_apart(sequence)
            self.model._last_obs = None  # what makes `learn` begin with new episodes
            self.model.learn(left, reset_num_timesteps=False, log_interval=_NEVER)
        known: dict[str, Any] = self.model.logger.name_to_value
        return {name: float(value) for name, value in known.items() if name.startswith(("train/", "rollout/"))}

    def _steps_left(self) -> int:
        """Environment steps until what was asked for is done."""
        return int(self.model.asked_steps - self.model.num_timesteps)

    def save(self, folder: Path) -> None:
        self.model.save(folder / _MODEL)
        if isinstance(self.model, OffPolicyAlgorithm):
            self.model.save_replay_buffer(folder / _BUFFER)

    def restore(self, folder: Path) -> None:
        # what it names of this package's classes is not read: they may have had other names when it was written
        own = {name: getattr(self.model, name) for name in ("policy_class", "learning_rate", "lr_schedule")}
        model: Any = type(self.model)
        self.model = model.load(folder / _MODEL, env=self.environments, device="cpu", custom_objects=own)
        self._prepare()
        if isinstance(self.model, OffPolicyAlgorithm):
            self.model.load_replay_buffer(folder / _BUFFER)

    def close(self) -> None:
        self.environments.close()


def off_policy_arguments(hyper: Hyperparameters) -> dict[str, Any]:
    """Arguments that DQN and QR-DQN take alike; their own defaults are made for Atari."""
    together = gcd(hyper.gradient_every, hyper.environments)
    return {
        "learning_rate": FallingRate(hyper.learning_rate),
        "buffer_size": hyper.buffer,
        "learning_starts": min(500, hyper.buffer // 2),
        "batch_size": hyper.batch,
        "gamma": hyper.gamma,
        # of as many rounds, each of one step in every environment, so many gradient steps
        "train_freq": hyper.gradient_every // together,
        "gradient_steps": hyper.environments // together,
        "target_update_interval": hyper.target_every,
        "exploration_fraction": hyper.exploration,
        "exploration_final_eps": hyper.exploration_end,
        "device": "cpu",
    }
