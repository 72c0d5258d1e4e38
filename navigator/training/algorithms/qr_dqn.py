"""QR-DQN with masks, on sb3-contrib: it learns the distribution of an action's reward (Dabney et al. 2018).

The policy file keeps the mean of the quantiles, which is what it acts on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sb3_contrib import QRDQN
from sb3_contrib.qrdqn.policies import QRDQNPolicy, QuantileNetwork

from pilotage.navigator.policies.learned import Layers
from pilotage.navigator.training.algorithms.environments import unpack
from pilotage.navigator.training.algorithms.hyperparameters import Hyperparameters
from pilotage.navigator.training.algorithms.networks import IMPOSSIBLE, adopt_plain, dense, plain_layers
from pilotage.navigator.training.algorithms.sb3 import MaskedDQN, MaskedNetwork, SB3Learner, off_policy_arguments


class MaskedQuantiles(MaskedNetwork, QuantileNetwork):
    """Quantiles, (n, quantiles, actions), of inputs with the mask behind them; impossible where it forbids."""

    def make(self, inputs: int) -> None:
        self.quantile_net = dense(inputs, self.n_quantiles * self.actions, self.net_arch)

    def forward(self, obs: Any) -> torch.Tensor:
        inputs, mask = unpack(obs, self.actions)
        quantiles: torch.Tensor = self.quantile_net(inputs).view(-1, self.n_quantiles, self.actions)
        return quantiles.masked_fill(~mask[:, None, :], IMPOSSIBLE)


class MaskedQuantilePolicy(QRDQNPolicy):
    """sb3-contrib's QR-DQN policy over `MaskedQuantiles`."""

    def make_quantile_net(self) -> QuantileNetwork:
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return MaskedQuantiles(**arguments).to(self.device)


class MaskedQRDQN(MaskedDQN, QRDQN):
    """QR-DQN that explores legal actions only."""


class QuantileDQN(SB3Learner):
    """`qr-dqn`."""

    def _build(self, hyper: Hyperparameters) -> MaskedQRDQN:
        return MaskedQRDQN(
            MaskedQuantilePolicy,
            self.environments,
            policy_kwargs={
                "net_arch": list(hyper.hidden),
                "n_quantiles": hyper.quantiles,
                "optimizer_class": torch.optim.Adam,
                "optimizer_kwargs": {"fused": True, "eps": 0.01 / hyper.batch},
            },
            **off_policy_arguments(hyper),
        )

    def layers(self) -> Layers:
        """The online network with the mean of its quantiles as its last layer."""
        *hidden, (weights, bias) = plain_layers(self.model.quantile_net.quantile_net)
        shape = (self.setup.plan.hyperparameters.quantiles, len(self.setup.arrays.actions))
        return [*hidden, (weights.reshape(*shape, -1).mean(axis=0), bias.reshape(shape).mean(axis=0))]

    def adopt(self, layers: Layers) -> None:
        """Every quantile starts from the mean that an earlier policy kept."""
        *hidden, (weights, bias) = layers
        count = self.setup.plan.hyperparameters.quantiles
        wide = [*hidden, (np.tile(weights, (count, 1)), np.tile(bias, count))]
        for network in (self.model.quantile_net, self.model.quantile_net_target):
            adopt_plain(network.quantile_net, wide)
