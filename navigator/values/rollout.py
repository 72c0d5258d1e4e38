"""Rollout: what a policy does on recorded trees, exactly: every outcome counts by its probability, none is drawn.

All tasks are followed at once, level after level. A policy that takes what is legal but was not recorded has gone off
support: by default it is asked again and sees as legal what was recorded, as a replayed episode shows it; a *strict*
rollout gives the task up as unknown. So fixed sequences are judged, which would else be credited with the outcome of
another one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pilotage.navigator.bank.arrays import BankArrays, Float64s, Integers
from pilotage.navigator.errors import SpecMismatch
from pilotage.navigator.policies.policy import FixedPolicy, Policy, require_legal
from pilotage.navigator.policies.provenance import Provenance, heard
from pilotage.navigator.spaces import ActionMask

Choice = tuple[Float64s, Float64s | None]
"""Probability of each action, (k, a), and the value that the policy itself predicts for its choice, (k,); NaN where it
predicts none, None where it never does."""

Choose = Callable[[Integers, ActionMask], Choice]
"""Acts in k states at once: their indices, (k,), and what it may choose there, (k, a)."""


@dataclass(frozen=True)
class Outcomes:
    """What a policy does on m tasks.

    Attributes:
        tasks: ids of the tasks.
        families: the family of each.
        correct: float (m,): expected score; NaN where the bank cannot tell, since a state was not recorded.
        cost: float (m,): expected cost in thousands of tokens, everything charged; NaN likewise.
        blocks: float (m,): expected number of blocks before the answer; NaN likewise.
    """

    tasks: tuple[str, ...]
    families: tuple[str, ...]
    correct: Float64s
    cost: Float64s
    blocks: Float64s

    @property
    def coverage(self) -> float:
        """Share of tasks that the bank can tell of."""
        return float(np.isfinite(self.correct).mean())

    @property
    def accuracy(self) -> float:
        """Mean score over the tasks that are covered; NaN where none is."""
        return mean_of_known(self.correct)

    @property
    def mean_cost(self) -> float:
        """Mean cost over the tasks that are covered, in thousands of tokens; NaN where none is."""
        return mean_of_known(self.cost)

    def value(self, cost_weight: float) -> float:
        """Mean of `correct - cost_weight * cost`."""
        return self.accuracy - cost_weight * self.mean_cost

    def only(self, family: str) -> Outcomes:
        """The tasks of one family."""
        kept = np.flatnonzero(np.array(self.families) == family)
        columns = (self.correct[kept], self.cost[kept], self.blocks[kept])
        return Outcomes(tuple(self.tasks[place] for place in kept), (family,) * len(kept), *columns)


def mean_of_known(values: Float64s) -> float:
    """Mean of the entries that are no NaN; NaN where there is none."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


@dataclass(frozen=True)
class Rollout:
    """A policy on n states of m tasks, with a actions.

    Attributes:
        arrays: the states.
        probabilities: of each action in every state that is reached, float (n, a); 0 in all others.
        visits: expected visits of every state, float (n,); below 1 where the policy or the samples branch.
        predicted: value that the policy itself gives to its choice, float (n,); NaN where it gives none.
        lost: probability that a task's episode takes what was not recorded, float (m,); 0 throughout unless strict.
        off_support: expected decisions of a task for which an action was preferred that is legal but not recorded,
            float (m,). It had to be left out.
        asked: what the trained policies that decided, whoever asked them, had learned from.
    """

    arrays: BankArrays
    probabilities: Float64s
    visits: Float64s
    predicted: Float64s
    lost: Float64s
    off_support: Float64s
    asked: Provenance

    @cached_property
    def outcomes(self) -> Outcomes:
        """Expected score, cost and blocks of every task; NaN where the bank cannot tell."""
        arrays, states = self.arrays, np.flatnonzero(self.visits)
        visits = self.visits[states]
        ends = visits * np.where(arrays.ended[states], 1.0, self.probabilities[states, arrays.terminal])
        expected = (
            ends * arrays.score[states],
            visits * arrays.cost[states] + ends * arrays.answer_cost[states],
            np.where(arrays.parent[states] >= 0, visits, 0.0),
        )
        totals = [np.bincount(arrays.task[states], one, len(arrays.tasks)) for one in expected]
        return Outcomes(arrays.tasks, arrays.families, *(np.where(self.lost > 0, np.nan, one) for one in totals))

    @cached_property
    def decided(self) -> Float64s:
        """Expected times that each action is taken in each state, float (n, a)."""
        return np.multiply(self.visits[:, None], self.probabilities)

    @cached_property
    def uses(self) -> Float64s:
        """Expected times that each action is taken, by task; float (m, a)."""
        total = np.zeros((len(self.arrays.tasks), len(self.arrays.actions)))
        np.add.at(total, self.arrays.task, self.decided)
        return total

    @cached_property
    def edges(self) -> Float64s:
        """Expected times that an action follows another, float (m, a + 1, a); the first of the a + 1 is the start."""
        arrays = self.arrays
        total = np.zeros((len(arrays.tasks), len(arrays.actions) + 1, len(arrays.actions)))
        np.add.at(total, (arrays.task, arrays.action + 1), self.decided)
        return total


def rollout(arrays: BankArrays, choose: Choose, *, strict: bool = False) -> Rollout:
    """Follows a policy from every root.

    Args:
        arrays: the tasks.
        choose: the policy: `by_policy`, `by_batch` or `by_probabilities` make one.
        strict: give a task up where what the policy takes was not recorded, instead of hiding that from it.

    Raises:
        SpecMismatch: a policy chose what is not legal, or cannot read the observations.
    """
    probabilities, visits = np.zeros(arrays.playable.shape), np.zeros(len(arrays))
    predicted = np.full(len(arrays), np.nan)
    lost, off_support = np.zeros(len(arrays.tasks)), np.zeros(len(arrays.tasks))
    visits[arrays.roots] = 1.0
    with heard() as listener:
        for level, states in enumerate((arrays.roots, *arrays.levels)):
            if level:
                states = states[visits[arrays.parent[states]] > 0]
                before, action = arrays.parent[states], arrays.action[states]
                visits[states] = visits[before] * probabilities[before, action] / arrays.samples[before, action]
            states = states[(visits[states] > 0) & ~arrays.ended[states]]
            if not len(states):
                continue
            playable = arrays.playable[states]
            chosen, values = choose(states, arrays.legal[states])
            away = np.where(playable, 0.0, chosen).sum(axis=1)
            again = np.flatnonzero(away > 0)
            if len(again):
                np.add.at(off_support, arrays.task[states], visits[states] * away)
                if strict:
                    np.add.at(lost, arrays.task[states], visits[states] * away)
                    chosen = np.where(playable, chosen, 0.0)
                else:
                    chosen[again], other = choose(states[again], playable[again])
                    if values is not None and other is not None:
                        values[again] = other
            probabilities[states] = chosen
            if values is not None:
                predicted[states] = values
    return Rollout(arrays, probabilities, visits, predicted, lost, off_support, listener.learned)


def by_probabilities(probabilities: Float64s) -> Choose:
    """Known probabilities of every action, shape (n, a), over playable actions."""
    return lambda states, masks: (probabilities[states], None)


def by_batch(choose: Callable[[Any, ActionMask], Any], arrays: BankArrays) -> Choose:
    """A policy that takes features (k, f) and masks (k, a) and gives one action each, (k,)."""

    def chosen(states: Integers, masks: ActionMask) -> Choice:
        return one_hot(choose(arrays.features[states], masks), len(arrays.actions)), None

    return chosen


def by_policy(policies: Policy | Sequence[Policy], arrays: BankArrays) -> Choose:
    """A policy that decides one state at a time, or one such policy for each task, in order."""

    def chosen(states: Integers, masks: ActionMask) -> Choice:
        rows, values = np.zeros(masks.shape), np.full(len(states), np.nan)
        for place, (state, mask) in enumerate(zip(states.tolist(), masks, strict=True)):
            policy = policies[arrays.task[state]] if isinstance(policies, Sequence) else policies
            rows[place], values[place] = _decide(policy, arrays, state, mask)
        return rows, values

    return chosen


def one_hot(actions: Integers, count: int) -> Float64s:
    """One action of `count` in each state, shape (n,), as probabilities of shape (n, count)."""
    probabilities = np.zeros((len(actions), count))
    probabilities[np.arange(len(actions)), actions] = 1.0
    return probabilities


def _decide(policy: Policy, arrays: BankArrays, state: int, mask: ActionMask) -> tuple[Float64s, float]:
    """Probability of each action, shape (a,), and the value that the policy gives to its choice; NaN where none."""
    try:
        if isinstance(policy, FixedPolicy):  # not every preset has features that tell it how far it is
            decision = policy.after(arrays.action_prefixes[state], mask)
        else:
            decision = policy.decide(arrays.features[state], mask)
        require_legal(decision, mask, arrays.actions)
    except SpecMismatch as error:
        raise SpecMismatch(f"{policy.name}, task {arrays.tasks[arrays.task[state]]!r}: {error}") from error
    predicted = float("nan")
    if decision.values is not None and decision.probabilities is None:
        predicted = decision.values[decision.action]
    return decision.distribution(len(mask)), predicted
