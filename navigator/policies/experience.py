"""experience: the one-bit rule, left where earlier tasks like this one say that another action is worth more.

It leaves the rule only where the difference exceeds its standard error: what is not known well enough stays with the
baseline, as in safe policy improvement with baseline bootstrapping (Laroche et al. 2019). Nothing in it is trained; all
that it reads are the features of experience.
"""

from __future__ import annotations

import numpy as np

from pilotage.navigator.arguments import require_weight
from pilotage.navigator.experience.columns import places
from pilotage.navigator.policies.policy import Decision
from pilotage.navigator.policies.rules.one_bit import one_bit
from pilotage.navigator.spaces import ActionMask, ActionSpec, Observation, ObservationSpec

NAME = "experience"
CAUTION = 1.0
"""Standard errors by which another action must be better."""

NEVER_MET = 1.0


class ExperiencePolicy:
    """Takes what is worth more than the one-bit rule's action by more than is unsure.

    Args:
        actions: the action list.
        observations: features, those of experience among them (`with_experience`).
        cost_weight: what a thousand tokens are worth, in right answers.
        caution: standard errors by which another action must be better; 0 takes whatever looks best.

    Raises:
        SpecMismatch: the features of experience, or of the one-bit rule, are missing.
    """

    def __init__(
        self, actions: ActionSpec, observations: ObservationSpec, cost_weight: float = 0.1, caution: float = CAUTION
    ) -> None:
        self.name = NAME
        self.cost_weight, self.caution = require_weight(cost_weight), caution
        self._rule = one_bit(actions, observations)
        self._names = actions.names
        self._success, self._cost, self._error = places(observations, actions)

    def decide(self, observation: Observation, mask: ActionMask) -> Decision:
        """The rule's action, or the one that like tasks say is worth more."""
        usual = self._rule.decide(observation, mask)
        error = observation[self._error].astype(np.float64)
        values = (observation[self._success] - self.cost_weight * observation[self._cost]).astype(np.float64)
        shown = tuple(values.tolist())
        if error[usual.action] < NEVER_MET:
            unsure = np.hypot(error, error[usual.action])
            ahead = values - values[usual.action] - self.caution * unsure  # what it is better by at least
            ahead[~(mask & (error < NEVER_MET))] = -np.inf
            ahead[usual.action] = 0.0
            best = int(ahead.argmax())
            if best != usual.action:
                told = f"{values[best]:.2f} ± {error[best]:.2f} on like tasks, {self._names[usual.action]} "
                return Decision(best, f"{told}{values[usual.action]:.2f} ± {error[usual.action]:.2f}", shown)
        return Decision(usual.action, usual.why, shown)
