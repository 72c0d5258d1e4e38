"""Nearest neighbour: an action is worth what it was worth in the most similar recorded states.

A baseline that learned routers often only tie with. `pilotage.navigator.training.algorithms.nearest` makes it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np

from pilotage.navigator.errors import PolicyError
from pilotage.navigator.policies.asked import tell
from pilotage.navigator.policies.inputs import ActionSupport, Floats, Scaling
from pilotage.navigator.policies.policy import Decision
from pilotage.navigator.policies.policy_file import Header, Tensors, write_policy
from pilotage.navigator.policies.settings import cost_weight_of, neighbours_of, support_of
from pilotage.navigator.spaces import ActionMask, Observation

_LARGEST = 1e15
"""Bound on states and values, so that a distance and a mean of them is a float32."""


class NearestPolicy:
    """Takes the action whose k nearest recorded states value it most.

    Args:
        header: specs and training card; its settings hold `k`, `cost_weight` and `tried`.
        scaling: of the features.
        states: scaled recorded states, shape (n, features).
        values: value of each action there, NaN where it was not recorded; shape (n, actions).

    Raises:
        PolicyError: these do not fit each other.
    """

    def __init__(self, header: Header, scaling: Scaling, states: Floats, values: Floats) -> None:
        features, actions = len(header.observations), len(header.actions)
        fits = states.ndim == values.ndim == 2 and states.shape == (len(values), features) and len(states) > 0
        fits = fits and values.shape[1] == actions and bool((np.abs(states) < _LARGEST).all())
        fits = fits and not (np.abs(values) >= _LARGEST).any()  # what was not recorded is NaN
        fits = fits and all(getattr(scaling, n).shape == (features,) for n in ("shift", "scale", "low", "high"))
        if not fits or not scaling.is_sound:
            raise PolicyError("the policy's states do not fit its header: copy or train the policy anew")
        self.header, self.scaling, self.states, self.values = header, scaling, states, values
        self.k, self.cost_weight = neighbours_of(header.settings), cost_weight_of(header.settings)
        self.name = f"nearest:{self.k}"
        support = support_of(header)
        self.support = ActionSupport(header.observations, header.actions, {}) if support is None else support
        self._recorded = np.isfinite(values)

    def decide(self, observation: Observation, mask: ActionMask) -> Decision:
        """The legal, tried action with the greatest mean value nearby; raises SpecMismatch for a bad observation."""
        tell(self)
        self.header.observations.check(observation)
        legal = np.flatnonzero(mask & self.support.mask(observation))
        distances = ((self.states - self.scaling(observation)) ** 2).sum(axis=1)
        order = np.argsort(distances, kind="stable")
        values = np.full(len(mask), np.nan)
        for action in range(len(mask)):
            nearest = order[self._recorded[order, action]][: self.k]
            if len(nearest):
                values[action] = self.values[nearest, action].mean()
        known = np.where(np.isnan(values), -np.inf, values)
        best = int(legal[known[legal].argmax()])
        return Decision(best, f"worth {known[best]:.2f} in similar states", tuple(values.tolist()))

    def save(self, path: str | Path) -> None:
        """Writes the policy file."""
        tensors: Tensors = {f"input.{name}": getattr(self.scaling, name) for name in ("shift", "scale", "low", "high")}
        write_policy(Path(path), self.header, {**tensors, "states": self.states, "values": self.values})

    @classmethod
    def from_file(cls, header: Header, tensors: Tensors, path: Path) -> Self:
        """The policy of a file that was read; raises PolicyError where tensors are missing or do not fit."""
        try:
            scaling = Scaling(*(tensors[f"input.{name}"] for name in ("shift", "scale", "low", "high")))
            return cls(header, scaling, tensors["states"], tensors["values"])
        except KeyError as error:
            raise PolicyError(f"{path} has no {error}: copy or train the policy anew") from error
