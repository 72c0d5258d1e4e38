"""MaskablePPO of sb3-contrib (Huang and Ontañón 2022): a policy gradient over the legal actions.

Its outputs rank actions but are no values, so such a policy predicts no success.
"""

from __future__ import annotations

from sb3_contrib import MaskablePPO
from torch import nn

from pilotage.navigator.policies.learned import Layers
from pilotage.navigator.policies.trained import Meaning
from pilotage.navigator.training.algorithms.hyperparameters import Hyperparameters
from pilotage.navigator.training.algorithms.networks import adopt_plain, plain_layers
from pilotage.navigator.training.algorithms.sb3 import FallingRate, SB3Learner, WholeTraining


class PiecewisePPO(WholeTraining, MaskablePPO):
    """MaskablePPO whose schedules run over the whole training."""


class MaskedPPO(SB3Learner):
    """`maskable-ppo`."""

    output: Meaning = "preference"
    with_mask = False

    def _build(self, hyper: Hyperparameters) -> PiecewisePPO:
        return PiecewisePPO(
            "MlpPolicy",
            self.environments,
            learning_rate=FallingRate(hyper.learning_rate),
            n_steps=hyper.rollout // hyper.environments,
            batch_size=hyper.batch,
            n_epochs=hyper.epochs,
            gamma=hyper.gamma,
            ent_coef=hyper.entropy,
            policy_kwargs={"net_arch": list(hyper.hidden), "activation_fn": nn.ReLU},
            device="cpu",
        )

    def _parts(self) -> nn.Sequential:
        policy = self.model.policy
        return nn.Sequential(*policy.mlp_extractor.policy_net, policy.action_net)

    def layers(self) -> Layers:
        """The policy's network; the value network stays behind."""
        return plain_layers(self._parts())

    def adopt(self, layers: Layers) -> None:
        """The policy's network starts from an earlier one; the value network anew."""
        adopt_plain(self._parts(), layers)
