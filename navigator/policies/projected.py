"""ProjectedPolicy: a trained policy among more blocks and features than it was trained with.

Blocks and features are what their names and bounds say, so a policy file stays of use when a block is added: it sees
the features that it knows and chooses among the blocks that it knows. What it never met it never takes.
"""

from __future__ import annotations

import numpy as np

from pilotage.navigator.errors import SpecMismatch
from pilotage.navigator.policies.inputs import COUNTS
from pilotage.navigator.policies.policy import Decision, Policy
from pilotage.navigator.spaces import ActionMask, ActionSpec, Observation, ObservationSpec


class ProjectedPolicy:
    """Shows a policy its own part of each observation and mask, and gives its decision in the actions in use.

    Once a block was run that the policy does not know, it takes the terminal action: no result ever corrected what the
    policy would do there.

    Args:
        policy: of fewer actions and features.
        actions: those it was trained for, then those in use.
        observations: the same.

    `Header.require_part` tells whether that can be done.
    """

    def __init__(
        self,
        policy: Policy,
        actions: tuple[ActionSpec, ActionSpec],
        observations: tuple[ObservationSpec, ObservationSpec],
    ) -> None:
        self.policy = policy
        known, used = actions
        self._actions = np.array([used.index(name) for name in known.names], dtype=np.intp)
        self._terminal = used.index(used.terminal)
        self._size = len(used)
        names = observations[1].names
        self._shape = (len(names),)
        self._features = np.array([names.index(name) for name in observations[0].names], dtype=np.intp)
        unknown = [f"{COUNTS}{name}" for name in used.names if name not in known.names]
        self._unknown = np.array([names.index(name) for name in unknown if name in names], dtype=np.intp)

    @property
    def name(self) -> str:
        """The policy's own."""
        return self.policy.name

    def part(self, observation: Observation) -> Observation:
        """What the policy sees of an observation, in the order of its own features; raises SpecMismatch for another."""
        if observation.shape != self._shape:
            raise SpecMismatch(f"the observation has shape {observation.shape}, the policy is used for {self._shape}")
        return observation[self._features]

    def decide(self, observation: Observation, mask: ActionMask) -> Decision:
        """What the policy decides in its part of the space."""
        part = self.part(observation)
        if observation[self._unknown].any():
            return Decision(self._terminal, "a block was run that the policy was not trained with")
        own = self.policy.decide(part, mask[self._actions])
        probabilities = None
        if own.probabilities is not None:
            spread = np.zeros(self._size)
            spread[self._actions] = own.probabilities
            probabilities = tuple(spread.tolist())
        return Decision(int(self._actions[own.action]), own.why, None, probabilities)
