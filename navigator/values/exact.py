"""Exact values on recorded trees: what stopping, each action and the best continuation are worth in every state.

No learning is involved: every state's outcome is recorded, so one pass from the leaves to the roots gives the truth
that learned navigators are compared with. Where an action was recorded several times, its value is the mean of its
samples. A value is what is still to come, `correct - cost_weight * cost`, without what was paid before. Among equals
the cheaper is chosen, whatever the weight: at weight 0 cost has no say in the value, and wasted tokens are wasted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pilotage.navigator.bank.arrays import Floats, Forest, Integers
from pilotage.navigator.errors import NavigatorError
from pilotage.navigator.reward import Reward
from pilotage.navigator.values.outcomes import Outcomes, one_hot, outcomes_of

TIE = 1e-9
"""Values that differ by no more are equal: sums of the same numbers differ in the last bits by their order."""


@dataclass(frozen=True)
class Values:
    """Values of n states under one cost weight.

    Attributes:
        forest: the states.
        cost_weight: what a thousand tokens are worth, in right answers.
        stop: float (n,): value of the terminal action.
        q: float (n, a): value of each action; minus infinity where it is not playable.
        value: float (n,): value of the state.
        price: float (n, a): thousands of tokens still to come after each action; infinity where it is not playable.
    """

    forest: Forest
    cost_weight: float
    stop: Floats
    q: Floats
    value: Floats
    price: Floats

    @cached_property
    def best(self) -> Integers:
        """The best action, int (n,); the cheapest among equals, and of those the terminal one."""
        return _best(self.q, self.price, self.forest.terminal)

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
    price = np.where(forest.playable, 0.0, np.inf)
    q[:, forest.terminal], price[:, forest.terminal] = stop, forest.stop_cost
    value, paid = stop.copy(), forest.stop_cost.copy()

    def settle(states: Integers) -> None:
        if probabilities is None:
            chances = np.zeros((len(states), q.shape[1]))
            chances[np.arange(len(states)), _best(q[states], price[states], forest.terminal)] = 1.0
        else:
            chances = probabilities[states]
        for of, into, ending in ((q, value, stop), (price, paid, forest.stop_cost)):
            expected = (np.where(chances > 0, of[states], 0.0) * chances).sum(axis=1)
            into[states] = np.where(forest.ended[states], ending[states], expected)

    for level in reversed(forest.levels):
        settle(level)
        before, action = forest.parent[level], forest.action[level]
        share = 1 / forest.samples[before, action]
        np.add.at(q, (before, action), share * (value[level] - weight * forest.cost[level]))
        np.add.at(price, (before, action), share * (paid[level] + forest.cost[level]))
    settle(forest.roots)
    return Values(forest, weight, stop, q, value, price)


def _best(q: Floats, price: Floats, terminal: int) -> Integers:
    """Of each row the action with the greatest value, shape (n,); the cheapest of equals, of those the terminal one."""
    among = q >= q.max(axis=1, keepdims=True) - TIE
    prices = np.where(among, price, np.inf)
    cheapest = prices <= prices.min(axis=1, keepdims=True) + TIE
    return np.where(cheapest[:, terminal], terminal, cheapest.argmax(axis=1))
