"""The navigator of RL of Thoughts (arXiv 2505.14140) with its schedule, to compare with.

Double duelling DQN as elsewhere here, with what the paper and its published code add: training counts episodes; the
learning rate halves every 1,000 of them; the share of random actions shrinks by a factor each step, from the first one
on; learning begins once the replay buffer is full; squared error, gradients as they are.
"""

from __future__ import annotations

from math import inf
from typing import Any

from stable_baselines3.common.type_aliases import RolloutReturn
from torch.nn import functional

from pilotage.navigator.training.algorithms.double_dueling_dqn import DoubleDQN, DoubleDuelingDQN
from pilotage.navigator.training.algorithms.hyperparameters import Hyperparameters
from pilotage.navigator.training.algorithms.sb3 import off_policy_arguments

HALVED_EVERY = 1000
"""Episodes after which the learning rate halves."""

EXPLORATION_FACTOR = 0.9995
"""By which the share of random actions shrinks with each step, down to 0."""

_UNLIMITED = 10**9
"""Environment steps; what ends a piece is its episodes."""


class HalvedRate:
    """Learning rate of a training of so many episodes, by the share of them that is left, halved now and then."""

    def __init__(self, start: float, episodes: int) -> None:
        self.start, self.episodes = start, episodes

    def __call__(self, remaining: float) -> float:
        return self.at(round((1 - remaining) * self.episodes))

    def at(self, episode: int) -> float:
        """The rate of an episode, counted from 0."""
        return self.start * 0.5 ** (episode // HALVED_EVERY)


class EpisodicDQN(DoubleDQN):
    """`DoubleDQN` whose schedules and whose length count episodes; `planned_steps` and `asked_steps` are episodes."""

    loss: Any = staticmethod(functional.mse_loss)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.exploration_rate = EXPLORATION_FACTOR

    @property
    def episodes(self) -> int:
        """Episodes that are finished."""
        return self._episode_num

    def _update_current_progress_remaining(self, num_timesteps: int, total_timesteps: int) -> None:
        self._current_progress_remaining = 1 - min(self.episodes, self.planned_steps) / self.planned_steps

    def _on_step(self) -> None:
        super()._on_step()
        self.exploration_rate = EXPLORATION_FACTOR ** (self.num_timesteps + 1)
        self.logger.record("rollout/exploration_rate", self.exploration_rate)

    def _sample_action(self, learning_starts: int, action_noise: Any = None, n_envs: int = 1) -> tuple[Any, Any]:
        return super()._sample_action(0, action_noise, n_envs)

    def collect_rollouts(self, *args: Any, **kwargs: Any) -> RolloutReturn:
        """The next step, unless the episodes asked for are done: a callback that ends them loses a transition."""
        if self.episodes >= self.asked_steps:
            return RolloutReturn(0, 0, continue_training=False)
        return super().collect_rollouts(*args, **kwargs)


class PaperDQN(DoubleDuelingDQN):
    """`double-dueling-dqn` with the base `rlot`; a step of its training is an episode."""

    algorithm = EpisodicDQN

    def _arguments(self, hyper: Hyperparameters) -> dict[str, Any]:
        return off_policy_arguments(hyper) | {
            "learning_rate": HalvedRate(hyper.learning_rate, self.setup.plan.length),
            "learning_starts": hyper.buffer - 1,
            "max_grad_norm": inf,
        }

    def _steps_left(self) -> int:
        return _UNLIMITED if self.model.asked_steps > self.model.episodes else 0
