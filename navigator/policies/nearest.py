"""Nearest neighbour: an action is worth what it was worth in the most similar recorded states.

A baseline that learned routers often only tie with. `pilotage.navigator.training.algorithms.nearest` makes it.
"""

from __future__ import annotations

import numpy as np

from pilotage.navigator.errors import PolicyError
from pilotage.navigator.policies.inputs import LARGEST_INPUT, ActionSupport, Float32s, Scaling
from pilotage.navigator.policies.neighbours import Neighbours
from pilotage.navigator.policies.policy import Decision
from pilotage.navigator.policies.policy_file import Header, Tensors
from pilotage.navigator.policies.provenance import note
from pilotage.navigator.policies.trained import TrainedPolicy
from pilotage.navigator.spaces import ActionMask, Observation


class NearestPolicy(TrainedPolicy):
    """Takes the action whose k nearest recorded states value it most.

    Args:
        header: specs, settings and training card.
        scaling: of the features.
        states: scaled recorded states, shape (n, features).
        values: value of each action there, NaN where it was not recorded; shape (n, actions).

    Raises:
        PolicyError: these do not fit each other.
    """

    def __init__(self, header: Header, scaling: Scaling, states: Float32s, values: Float32s) -> None:
        super().__init__(header, scaling)
        features, actions = len(header.observations), len(header.actions)
        fits = scaling.fits(features) and states.ndim == values.ndim == 2 and len(states) > 0
        fits = fits and states.shape == (len(values), features) and values.shape[1] == actions
        fits = fits and bool((np.abs(states) < LARGEST_INPUT).all())
        if not fits or (np.abs(values) >= LARGEST_INPUT).any():  # what was not recorded is NaN
            raise PolicyError("the policy's states do not fit its header: copy or train the policy anew")
        if self.settings.k is None:
            raise PolicyError("the policy does not say how many neighbours it asks: copy or train the policy anew")
        self.states, self.values, self.k = states, values, self.settings.k
        self._tried = self.support or ActionSupport(header.observations, header.actions, {})
        self.cost_weight, self.name = self.settings.cost_weight, f"nearest:{self.k}"
        pools = [np.flatnonzero(column) for column in np.isfinite(values).T]
        self._pools = {action: pool for action, pool in enumerate(pools) if len(pool)}
        self._neighbours = Neighbours(states, list(self._pools.values()), self.k)

    def decide(self, observation: Observation, mask: ActionMask) -> Decision:
        """The legal, tried action with the greatest mean value nearby.

        Raises:
            SpecMismatch: the observation or the mask has another shape, a value is not finite, or nothing is allowed.
        """
        note(self)
        self.header.observations.check(observation)
        self.header.actions.check(mask)
        legal = np.flatnonzero(mask & self._tried.mask(observation))
        values = np.full(len(mask), np.nan)
        for action, nearest in zip(self._pools, self._neighbours.of(self.scaling(observation)), strict=True):
            values[action] = self.values[nearest, action].mean()
        known = np.where(np.isnan(values), -np.inf, values)
        best = int(legal[known[legal].argmax()])
        return Decision(best, f"worth {known[best]:.2f} in similar states", tuple(values.tolist()))

    def tensors(self) -> Tensors:
        """The states and their values."""
        return {"states": self.states, "values": self.values}
