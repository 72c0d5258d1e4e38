"""Double duelling DQN with masks, on stable-baselines3's DQN, which has none of the three.

Double: the online network picks the next action, the target network values it (van Hasselt et al. 2016). Duelling: see
`Dueling`. RL of Thoughts (arXiv 2505.14140) trains its navigator so.
"""

from __future__ import annotations

from typing import Any, ClassVar, cast

import torch
from stable_baselines3 import DQN
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch.nn import functional

from pilotage.navigator.policies.learned import Layers
from pilotage.navigator.training.algorithms.environments import unpack
from pilotage.navigator.training.algorithms.hyperparameters import Hyperparameters
from pilotage.navigator.training.algorithms.networks import Dueling, masked
from pilotage.navigator.training.algorithms.sb3 import MaskedDQN, MaskedNetwork, SB3Learner, off_policy_arguments


class DuelingQNetwork(MaskedNetwork, QNetwork):
    """Values of actions from inputs with the mask behind them; a forbidden one's is impossible."""

    def make(self, inputs: int) -> None:
        self.q_net = Dueling(inputs, self.actions, self.net_arch)  # type: ignore[assignment]

    def forward(self, obs: Any) -> torch.Tensor:
        inputs, mask = unpack(obs, self.actions)
        return masked(self.q_net(inputs), mask)


class DuelingPolicy(DQNPolicy):
    """stable-baselines3's DQN policy over `DuelingQNetwork`, once for the online and once for the target network."""

    def make_q_net(self) -> QNetwork:
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return DuelingQNetwork(**arguments).to(self.device)


class DoubleDQN(MaskedDQN, DQN):
    """DQN with double targets; `loss` is that of values (n, 1) against what they should be."""

    loss: Any = staticmethod(functional.smooth_l1_loss)

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        assert self.replay_buffer is not None
        parameters, loss_sum = list(self.q_net.parameters()), 0.0
        for _ in range(gradient_steps):
            data = cast(Any, self.replay_buffer.sample(batch_size, env=self._vec_normalize_env))
            # one pass for both: these networks are so small that a call costs more than its arithmetic
            both = self.q_net(torch.cat([data.observations, data.next_observations]))
            q_values, next_q_values = both.split(batch_size)
            with torch.no_grad():
                best = next_q_values.argmax(dim=1, keepdim=True)
                future = self.q_net_target(data.next_observations).gather(1, best)
                target_q_values = data.rewards + (1 - data.dones) * self.gamma * future
            current_q_values = q_values.gather(1, data.actions.long())
            loss = self.loss(current_q_values, target_q_values)
            self.policy.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, self.max_grad_norm)
            self.policy.optimizer.step()
            loss_sum += loss.item()
        self._n_updates += gradient_steps
        self.logger.record("train/loss", loss_sum / max(gradient_steps, 1))


class DoubleDuelingDQN(SB3Learner):
    """`double-dueling-dqn`."""

    algorithm: ClassVar[type[DoubleDQN]] = DoubleDQN

    def _build(self, hyper: Hyperparameters) -> DoubleDQN:
        return self.algorithm(
            DuelingPolicy,
            self.environments,
            policy_kwargs={"net_arch": list(hyper.hidden), "optimizer_kwargs": {"fused": True}},
            **self._arguments(hyper),
        )

    def _arguments(self, hyper: Hyperparameters) -> dict[str, Any]:
        return off_policy_arguments(hyper)

    def layers(self) -> Layers:
        return cast(Dueling, self.model.q_net.q_net).layers()

    def adopt(self, layers: Layers) -> None:
        for network in (self.model.q_net, self.model.q_net_target):
            cast(Dueling, network.q_net).adopt(layers)
