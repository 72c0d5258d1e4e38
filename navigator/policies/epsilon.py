"""EpsilonPolicy: mostly as another policy does, now and then at random, with known probabilities.

Runs that are logged with such a policy can be used to judge others that were never run
(`pilotage.navigator.off_policy`): every action had a probability, and the probability is known.
"""

from __future__ import annotations

import numpy as np

from pilotage.navigator.arguments import require_seed
from pilotage.navigator.errors import PolicyError
from pilotage.navigator.policies.policy import Decision, Policy, generator_for, require_legal
from pilotage.navigator.spaces import ActionMask, ActionSpec, Observation

PREFIX = "epsilon="
"""What the name of such a policy begins with: `epsilon=0.1:default`."""


class EpsilonPolicy:
    """Draws uniformly among the legal actions with probability `epsilon`, else does as `base`.

    The draw is seeded by observation and task, as that of `RandomPolicy`: a run that is stopped and resumed elsewhere
    takes the same decisions, and another seed explores elsewhere.

    Args:
        base: the policy to follow; where it draws itself, its own probabilities are mixed in.
        epsilon: share of the decisions that explore, 0 to 1.
        actions: the action list.
        seed: of the draws.
        task: tells the draws on tasks apart that look alike; see `pilotage.navigator.policies.policy.for_task`.

    Raises:
        PolicyError: the share is not between 0 and 1, or the seed is none.
    """

    def __init__(self, base: Policy, epsilon: float, actions: ActionSpec, seed: int = 0, task: str = "") -> None:
        if not 0 <= epsilon <= 1:
            raise PolicyError(f"a share of exploring is a number from 0 to 1, not {epsilon}")
        self.base, self.epsilon, self.seed, self.task = base, epsilon, require_seed(seed), task
        self.name = named(epsilon, base.name)
        self._actions = actions

    def decide(self, observation: Observation, mask: ActionMask) -> Decision:
        """A draw; raises SpecMismatch where `base` chose what the mask forbids."""
        self._actions.check(mask)
        usual = self.base.decide(observation, mask)
        require_legal(usual, mask, self._actions, self.base.name)
        probabilities = (1 - self.epsilon) * usual.distribution(len(mask)) + self.epsilon * mask / mask.sum()
        generator = generator_for(observation, self.seed, self.task)
        drawn = int(generator.choice(len(probabilities), p=probabilities / probabilities.sum()))
        why = usual.why if drawn == usual.action else "drawn to explore"
        return Decision(drawn, why, usual.values, tuple(probabilities.tolist()))

    def for_task(self, task: str) -> EpsilonPolicy:
        """The same policy with draws of this task's own."""
        return EpsilonPolicy(self.base, self.epsilon, self._actions, self.seed, task)


def named(epsilon: float, base: str) -> str:
    """Name of an exploring policy."""
    return f"{PREFIX}{epsilon:g}:{base}"


def parse(name: str) -> tuple[float, str]:
    """Share and base of a name, `epsilon=0.1:default` say; raises PolicyError where it is written otherwise."""
    share, colon, base = name.removeprefix(PREFIX).partition(":")
    try:
        epsilon = float(share)
    except ValueError:
        epsilon = np.nan
    if not name.startswith(PREFIX) or not colon or not base or not 0 <= epsilon <= 1:
        raise PolicyError(f"an exploring policy is written {PREFIX}0.1:default, with a share from 0 to 1, not {name!r}")
    return epsilon, base
