"""Environments for stable-baselines3: a policy network's inputs, and the mask where a learner needs it there.

stable-baselines3's DQN knows no masks. Here the mask travels at the end of the observation, so that acting, exploring
and the target's maximum all see the one that belongs to the state.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

from pilotage.navigator.envs.env import ReasoningEnv, RecordedReasoningEnv
from pilotage.navigator.policies.inputs import LIMIT, Float32s
from pilotage.navigator.spaces import ActionMask
from pilotage.navigator.training.algorithms.learner import TrainingSetup


class NetworkInputs(gymnasium.Wrapper[Float32s, np.int64, Float32s, np.int64]):
    """Scaled features, then 1 - effort where it is an input (a new one each episode), then the mask if asked for."""

    def __init__(self, env: ReasoningEnv, setup: TrainingSetup, with_mask: bool) -> None:
        super().__init__(env)
        self._reasoning, self._setup, self._with_mask = env, setup, with_mask
        size = setup.inputs + (int(env.action_space.n) if with_mask else 0)  # type: ignore[attr-defined]
        self.observation_space = spaces.Box(-LIMIT, LIMIT, (size,), dtype=np.float32)
        self._efforts = np.random.default_rng(0)
        self._extra = np.zeros(0, dtype=np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32s, dict[str, Any]]:
        if seed is not None:
            # a stream of its own: the tasks are drawn by the seed itself
            self._efforts = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
        if self._setup.dial is not None:
            effort = self._setup.efforts(self._efforts, 1)
            self._extra = 1 - effort
            self._reasoning.cost_weight = float(self._setup.weights(effort)[0])
        seen, info = self.env.reset(seed=seed, options=options)
        return self._inputs(seen, info["action_mask"]), {}

    def step(self, action: np.int64) -> tuple[Float32s, float, bool, bool, dict[str, Any]]:
        # the information is left out: vector environments copy it deeply, each step
        seen, reward, terminated, truncated, info = self.env.step(action)
        return self._inputs(seen, info["action_mask"]), float(reward), terminated, truncated, {}

    def action_masks(self) -> ActionMask:  # what MaskablePPO asks for
        return self._reasoning.action_masks()

    def _inputs(self, seen: Float32s, mask: Any) -> Float32s:
        parts = [self._setup.scaling(seen), self._extra]
        return np.concatenate([*parts, mask] if self._with_mask else parts, dtype=np.float32, casting="unsafe")


class Environments(DummyVecEnv):
    """Environments that each draw for themselves.

    A `VecEnv` gives its i-th the seed s + i, so that of two seeds in a row the second repeats all that the first drew
    but for one environment.
    """

    def seed_apart(self, sequence: np.random.SeedSequence) -> None:
        """Gives each a child of this sequence, from the next reset on."""
        self._seeds = [int(child.generate_state(1)[0] >> 1) for child in sequence.spawn(self.num_envs)]


def environments(setup: TrainingSetup, with_mask: bool) -> Environments:
    """Environments over the training tasks, side by side in this process; one alone where the reasoning is live."""
    live = setup.live
    if live is not None:
        return Environments([lambda: NetworkInputs(ReasoningEnv(live, setup.plan.cost_weight), setup, with_mask)])
    arrays = setup.arrays
    step_scores = setup.step_scores.rewards(setup.bank, arrays).tolist() if setup.step_scores else None

    def make() -> NetworkInputs:
        env = RecordedReasoningEnv(
            arrays, cost_weight=setup.plan.cost_weight, shaping=setup.plan.shaping, step_scores=step_scores
        )
        return NetworkInputs(env, setup, with_mask)

    return Environments([make for _ in range(setup.plan.hyperparameters.environments)])


def unpack(observations: Any, actions: int) -> tuple[Any, Any]:
    """Inputs of shape (n, inputs) and masks of shape (n, actions) from observations that hold both."""
    return observations[:, :-actions], observations[:, -actions:] > 0.5
