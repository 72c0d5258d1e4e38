"""InDistributionPolicy: a trained policy on the kinds of task that it was trained on, another policy on all others."""

from __future__ import annotations

import numpy as np

from pilotage.navigator.policies.learned import LearnedPolicy
from pilotage.navigator.policies.policy import Decision, Policy
from pilotage.navigator.spaces import ActionMask, Observation

KIND = "kind_"
OF_THE_TASK = ("examples", "sandbox")
"""Features that stay what they are throughout a task, besides those that begin with `KIND`."""


class InDistributionPolicy:
    """Asks the trained policy where the features that tell one task from another are as they were in training.

    Only those count that never varied there: a policy that has met tasks with and without worked examples knows both.
    A task of none of the kinds that have a feature is one that no policy was trained on.

    Args:
        trained: the policy to ask where it can be.
        elsewhere: the policy to ask on other tasks; it needs no training.
        name: for results.
    """

    def __init__(self, trained: LearnedPolicy, elsewhere: Policy, name: str) -> None:
        self.name, self.trained, self.elsewhere = name, trained, elsewhere
        names, held = trained.header.observations.names, trained.scaling.held
        self._kinds = np.array([place for place, name in enumerate(names) if name.startswith(KIND)], dtype=np.intp)
        tells = {place: held[place] for place in held if names[place].startswith(KIND) or names[place] in OF_THE_TASK}
        self._places = np.array(list(tells), dtype=np.intp)
        whole = np.rint(list(tells.values())) + 0.0  # flags and counts; the sum makes a zero of a negative one
        self._known = whole.astype(np.float32).tobytes()

    def is_in_distribution(self, observation: Observation) -> bool:
        """Whether tasks like this one were trained on; observation of shape (features,)."""
        of_no_kind = len(self._kinds) > 0 and not observation[self._kinds].any()
        return not of_no_kind and observation[self._places].tobytes() == self._known

    def decide(self, observation: Observation, mask: ActionMask) -> Decision:
        """What the one policy or the other takes."""
        return (self.trained if self.is_in_distribution(observation) else self.elsewhere).decide(observation, mask)
