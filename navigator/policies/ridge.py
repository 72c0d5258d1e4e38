"""RidgePolicy: the one-bit rule, left where a linear model is sure enough that another action is worth more.

Each action's worth is a Bayesian linear regression on the features, so that every estimate has a standard error; what
is not known well enough stays with the baseline (safe policy improvement, Laroche et al. 2019). Made for a few hundred
tasks: `pilotage.navigator.training.algorithms.ridge` fits it in a moment, and its file needs no torch.
"""

from __future__ import annotations

import numpy as np

from pilotage.navigator.errors import PolicyError
from pilotage.navigator.policies.inputs import LARGEST_INPUT, ActionSupport, Float32s, Scaling
from pilotage.navigator.policies.policy import Decision
from pilotage.navigator.policies.policy_file import Header, Tensors
from pilotage.navigator.policies.provenance import note
from pilotage.navigator.policies.rules.one_bit import one_bit
from pilotage.navigator.policies.trained import TrainedPolicy
from pilotage.navigator.spaces import ActionMask, Observation

CAUTION = 1.0
"""Standard errors of the difference by which another action must be better."""


class RidgePolicy(TrainedPolicy):
    """Takes what is worth more than the one-bit rule's action by more than is unsure.

    Args:
        header: specs, settings and training card.
        scaling: of the f features.
        weights: posterior means of the coefficients, the intercept's last, shape (actions, f + 1).
        covariance: their posterior covariance, shape (actions, f + 1, f + 1); all zero for an action never met.

    Raises:
        PolicyError: these do not fit each other.
        SpecMismatch: the features lack one that the one-bit rule needs.
    """

    caution = CAUTION

    def __init__(self, header: Header, scaling: Scaling, weights: Float32s, covariance: Float32s) -> None:
        super().__init__(header, scaling)
        features, actions = len(header.observations), len(header.actions)
        fits = scaling.fits(features) and weights.shape == (actions, features + 1)
        fits = fits and covariance.shape == (*weights.shape, features + 1)
        if not fits or not all((np.abs(array) < LARGEST_INPUT).all() for array in (weights, covariance)):
            raise PolicyError("the policy's coefficients do not fit its header: copy or train the policy anew")
        self.weights, self.covariance = weights, covariance
        self.cost_weight, self.name = self.settings.cost_weight, "ridge"
        self._tried = self.support or ActionSupport(header.observations, header.actions, {})
        self._met = np.asarray(np.any(covariance != 0, axis=(1, 2)), dtype=np.bool_)
        self._rule = one_bit(header.actions, header.observations)
        self._names = header.actions.names

    def decide(self, observation: Observation, mask: ActionMask) -> Decision:
        """The rule's action, or the one that is worth more.

        Raises:
            SpecMismatch: the observation or the mask has another shape, a value is not finite, or nothing is allowed.
        """
        note(self)
        self.header.observations.check(observation)
        usual = self._rule.decide(observation, self.header.actions.check(mask))
        inputs = np.append(self.scaling(observation), np.float32(1))
        values = (self.weights @ inputs).astype(np.float64)
        shown, allowed = tuple(values.tolist()), mask & self._met & self._tried.mask(observation)
        if self._met[usual.action]:
            variance = np.maximum(inputs @ self.covariance @ inputs, 0.0).astype(np.float64)
            unsure = np.sqrt(variance + variance[usual.action])
            ahead = values - values[usual.action] - self.caution * unsure  # what it is better by at least
            ahead[~allowed] = -np.inf
            ahead[usual.action] = 0.0
            best = int(ahead.argmax())
            if best != usual.action:
                rule = f"{self._names[usual.action]} {values[usual.action]:.2f}"
                return Decision(best, f"worth {values[best]:.2f}, {rule}, give or take {unsure[best]:.2f}", shown)
        return Decision(usual.action, usual.why, shown)

    def tensors(self) -> Tensors:
        """The coefficients and their covariance."""
        return {"weights": self.weights, "covariance": self.covariance}
