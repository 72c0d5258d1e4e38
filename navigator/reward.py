"""Reward: correctness at the end minus what was paid on the way, gamma 1; shaping that cannot change the best policy.

With gamma 1 an episode's reward sums to `correct - cost_weight * cost`, however long it took, so nothing pays for
stalling. Anything beyond that is potential-based (Ng, Harada and Russell 1999): `potential(after) - potential(before)`,
with the potential 0 after the end, adds up to the same constant on every way through a task.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pilotage.navigator.dynamics import Transition
from pilotage.navigator.errors import EnvError, NavigatorError

Potential = Callable[[], float]
"""Gives the potential of the state that the dynamics is in."""


LEAST_WEIGHT = 1e-5
"""Cost weight at which values are fitted that are wanted for 0: too small to outweigh an answer, enough that of equals
the cheaper is taken."""

LARGEST_WEIGHT = 1e9
"""Bound on cost weights, of policy files too: far beyond any use, and values under it fit a float32."""


def require_weight(given: object, error: type[NavigatorError] = EnvError) -> None:
    """Raises `error` for what is no cost weight."""
    number = isinstance(given, int | float | np.number) and not isinstance(given, bool)
    if not number or not 0 <= given < LARGEST_WEIGHT:  # type: ignore[operator]  # looked at just before
        raise error(f"the cost weight must be 0 or more and below {LARGEST_WEIGHT:g}, not {given!r}")


@dataclass(frozen=True)
class Reward:
    """`correct - cost_weight * cost`.

    Args:
        cost_weight: what a thousand tokens are worth, in answers: at 0.1, 10,000 tokens cost one right answer.

    Raises:
        EnvError: the weight is negative, too large or not finite.
    """

    cost_weight: float = 0.0

    def __post_init__(self) -> None:
        require_weight(self.cost_weight)

    def __call__(self, transition: Transition) -> float:
        """The reward of one step."""
        return (transition.correct or 0.0) - self.cost_weight * transition.cost

    def total(self, correct: float, cost: float) -> float:
        """The sum of an episode's rewards."""
        return correct - self.cost_weight * cost


class Shaping:
    """Potential-based shaping along one episode.

    Args:
        potential: gives the potential of the present state.
    """

    def __init__(self, potential: Potential) -> None:
        self._potential = potential
        self._before = 0.0

    def start(self) -> None:
        """Notes where an episode starts."""
        self._before = self._potential()

    def bonus(self, done: bool) -> float:
        """What to add to the reward of the step that led here."""
        after = 0.0 if done else self._potential()
        bonus, self._before = after - self._before, after
        return bonus


class ScoredSteps:
    """The score of each step as an extra reward, as in RL of Thoughts (arXiv 2505.14140, section 3).

    The step that ends an episode gets none: it is paid by the answer. This is not potential-based: every further step
    that is scored well pays, so the best policy is not that of the plain reward.

    Args:
        score: gives the score of the step that led to the present state.
    """

    def __init__(self, score: Potential) -> None:
        self._score = score

    def start(self) -> None:
        """Nothing to note."""

    def bonus(self, done: bool) -> float:
        """What to add to the reward of the step that led here."""
        return 0.0 if done else self._score()
