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

from pilotage.navigator.arguments import require_weight
from pilotage.navigator.bank.arrays import BankArrays, Float64s, Integers
from pilotage.navigator.policies.policy import Policy
from pilotage.navigator.values.rollout import Outcomes, Rollout, by_policy, by_probabilities, one_hot, rollout

TIE = 1e-9
"""Values that differ by no more are equal: sums of the same numbers differ in the last bits by their order."""


@dataclass(frozen=True)
class Values:
    """Values of n states under one cost weight.

    Attributes:
        arrays: the states.
        cost_weight: what a thousand tokens are worth, in right answers.
        stop: float (n,): value of the terminal action.
        q: float (n, a): value of each action; minus infinity where it is not playable.
        value: float (n,): value of the state.
        price: float (n, a): thousands of tokens still to come after each action; infinity where it is not playable.
    """

    arrays: BankArrays
    cost_weight: float
    stop: Float64s
    q: Float64s
    value: Float64s
    price: Float64s

    @cached_property
    def best(self) -> Integers:
        """The best action, int (n,); the cheapest among equals, and of those the terminal one."""
        return _best(self.q, self.price, self.arrays.terminal)

    @cached_property
    def best_rollout(self) -> Rollout:
        """The best action everywhere, chosen in sight of every score: no policy does better."""
        return rollout(self.arrays, by_probabilities(one_hot(self.best, len(self.arrays.actions))))

    @property
    def oracle(self) -> Outcomes:
        """Outcomes of the best action everywhere."""
        return self.best_rollout.outcomes


def exact_values(arrays: BankArrays, cost_weight: float = 0.0) -> Values:
    """Values of the best continuation (the Bellman optimum)."""
    return _backward(arrays, cost_weight, None)


def uniform_values(arrays: BankArrays, cost_weight: float = 0.0) -> Values:
    """Values of continuing with a playable action drawn at random in every state.

    At cost weight 0 the value of a state is the share of its completions that end right: the step value of
    Math-Shepherd (Wang et al. 2024, 'soft estimation'), for free.
    """
    return _backward(arrays, cost_weight, arrays.playable / arrays.playable.sum(axis=1, keepdims=True))


def policy_values(arrays: BankArrays, policy: Policy, cost_weight: float = 0.0) -> Values:
    """Values of going on as a policy decides among what was recorded.

    At cost weight 0 the value of an action is the score that it ends with, and its price what that costs.
    """
    shares = np.zeros(arrays.playable.shape)
    shares[:, arrays.terminal] = 1.0
    states = np.flatnonzero(~arrays.ended)
    shares[states], _ = by_policy(policy, arrays)(states, arrays.playable[states])
    return _backward(arrays, cost_weight, shares)


def _backward(arrays: BankArrays, cost_weight: float, probabilities: Float64s | None) -> Values:
    weight = require_weight(cost_weight)
    stop = arrays.score - weight * arrays.answer_cost
    q = np.where(arrays.playable, 0.0, -np.inf)
    price = np.where(arrays.playable, 0.0, np.inf)
    q[:, arrays.terminal], price[:, arrays.terminal] = stop, arrays.answer_cost
    value, paid = stop.copy(), arrays.answer_cost.copy()

    def value_states(states: Integers) -> None:
        if probabilities is None:
            shares = one_hot(_best(q[states], price[states], arrays.terminal), q.shape[1])
        else:
            shares = probabilities[states]
        for of, into, ending in ((q, value, stop), (price, paid, arrays.answer_cost)):
            expected = (np.where(shares > 0, of[states], 0.0) * shares).sum(axis=1)
            into[states] = np.where(arrays.ended[states], ending[states], expected)

    for level in reversed(arrays.levels):
        value_states(level)
        before, action = arrays.parent[level], arrays.action[level]
        share = 1 / arrays.samples[before, action]
        np.add.at(q, (before, action), share * (value[level] - weight * arrays.cost[level]))
        np.add.at(price, (before, action), share * (paid[level] + arrays.cost[level]))
    value_states(arrays.roots)
    return Values(arrays, weight, stop, q, value, price)


def _best(q: Float64s, price: Float64s, terminal: int) -> Integers:
    """Of each row the action with the greatest value, shape (n,); the cheapest of equals, of those the terminal one."""
    among = q >= q.max(axis=1, keepdims=True) - TIE
    prices = np.where(among, price, np.inf)
    cheapest = prices <= prices.min(axis=1, keepdims=True) + TIE
    return np.where(cheapest[:, terminal], terminal, cheapest.argmax(axis=1))
