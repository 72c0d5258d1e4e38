"""Exact values on recorded trees: what stopping, each action and the best continuation are worth in every state.

No learning is involved: every state's outcome is recorded, so one pass from the leaves to the roots gives the truth
that learned navigators are compared with. Where an action was recorded several times, its value is the mean of its
samples. A value is what is still to come, `correct - cost_weight * cost`, without what was paid before.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from navigator.errors import NavigatorError
from navigator.forest import Floats, Forest, Integers
from navigator.outcomes import Outcomes, one_hot, outcomes_of
from navigator.reward import Reward


@dataclass(frozen=True)
class Values:
    """Values of n states under one cost weight.

    Attributes:
        forest: the states.
        cost_weight: what a thousand tokens are worth, in right answers.
        stop: float (n,): value of the terminal action.
        q: float (n, a): value of each action; minus infinity where it is not playable.
        value: float (n,): value of the state.
    """

    forest: Forest
    cost_weight: float
    stop: Floats
    q: Floats
    value: Floats

    @cached_property
    def best(self) -> Integers:
        """The best action, int (n,); the terminal one among equals, so that nothing is done for nothing."""
        return np.where(self.stop >= self.q.max(axis=1), self.forest.terminal, self.q.argmax(axis=1))

    @cached_property
    def go_on(self) -> Floats:
        """Value of the best action but the terminal one, float (n,); minus infinity where there is none."""
        others = self.q.copy()
        others[:, self.forest.terminal] = -np.inf
        best: Floats = others.max(axis=1)
        return best

    @cached_property
    def oracle(self) -> Outcomes:
        """Outcomes of the best action everywhere, chosen in sight of every score: no policy does better."""
        return outcomes_of(self.forest, one_hot(self.forest, self.best))


def exact_values(forest: Forest, cost_weight: float = 0.0) -> Values:
    """Values of the best continuation (the Bellman optimum)."""
    return _backward(forest, cost_weight, None)


def uniform_values(forest: Forest, cost_weight: float = 0.0) -> Values:
    """Values of continuing with a playable action drawn at random in every state.

    At cost weight 0 the value of a state is the share of its completions that end right: the step value of
    Math-Shepherd (Wang et al. 2024, 'soft estimation'), for free.
    """
    return _backward(forest, cost_weight, forest.playable / forest.playable.sum(axis=1, keepdims=True))


def policy_values(forest: Forest, probabilities: Floats, cost_weight: float = 0.0) -> Values:
    """Values of continuing as a policy does.

    Args:
        forest: the states.
        probabilities: of every action in every state, shape (n, a); 0 where an action is not playable.
        cost_weight: what a thousand tokens are worth, in right answers.

    Raises:
        NavigatorError: the probabilities are of another shape, do not sum to 1, or give weight to what is not playable.
    """
    if probabilities.shape != forest.playable.shape:
        raise NavigatorError(f"the probabilities have shape {probabilities.shape}, not {forest.playable.shape}")
    if not np.allclose(probabilities.sum(axis=1), 1) or (probabilities[~forest.playable] > 0).any():
        raise NavigatorError("the probabilities must sum to 1 in every state, over playable actions only")
    return _backward(forest, cost_weight, probabilities)


def _backward(forest: Forest, cost_weight: float, probabilities: Floats | None) -> Values:
    weight = Reward(cost_weight).cost_weight
    stop = forest.score - weight * forest.stop_cost
    q = np.where(forest.playable, 0.0, -np.inf)
    q[:, forest.terminal] = stop
    value = stop.copy()

    def settle(states: Integers) -> None:
        if probabilities is None:
            best = q[states].max(axis=1)
        else:
            best = np.where(probabilities[states] > 0, q[states], 0.0)
            best = (best * probabilities[states]).sum(axis=1)
        value[states] = np.where(forest.ended[states], stop[states], best)

    for level in reversed(forest.levels):
        settle(level)
        before, action = forest.parent[level], forest.action[level]
        shares = (value[level] - weight * forest.cost[level]) / forest.samples[before, action]
        np.add.at(q, (before, action), shares)
    settle(forest.roots)
    return Values(forest, weight, stop, q, value)
