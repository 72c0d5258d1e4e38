"""Play: what a policy reaches on recorded tasks, all of them at once and exactly.

Where a block was sampled several times, every outcome is followed and counts in proportion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pilotage.navigator.policies.inputs import Floats
from pilotage.navigator.training.table import Booleans, Integers, Table

Choose = Callable[[Floats, Booleans], Integers]
"""Observations (n, features) and masks (n, actions) in, actions (n,) out."""


@dataclass(frozen=True)
class Played:
    """Expected outcome a task, each of shape (tasks,), and the decisions on the way.

    Attributes:
        correct: score of the answer, 0 to 1.
        cost: thousands of tokens.
        steps: decisions, the terminal one included.
        states: state of each decision, shape (decisions,).
        actions: action of each decision, shape (decisions,).
    """

    correct: Floats
    cost: Floats
    steps: Floats
    states: Integers
    actions: Integers

    def reward(self, cost_weight: float) -> float:
        """Mean of score minus weighted cost."""
        return float(np.mean(self.correct - cost_weight * self.cost))


def play(table: Table, choose: Choose) -> Played:
    """Follows a policy from the root of every task to the end, over recorded actions only."""
    first, count = table.slices
    correct = np.zeros(len(table.tasks), dtype=np.float64)
    cost, steps = table.root_cost.astype(np.float64), np.zeros(len(table.tasks))
    states, share = table.roots, np.ones(len(table.roots))
    seen_states, seen_actions = [], []
    while len(states):
        chosen = np.asarray(choose(table.observations[states], table.recorded[states]))
        seen_states.append(states)
        seen_actions.append(chosen)
        repeats = count[states, chosen]
        share = np.repeat(share / repeats, repeats)
        offsets = np.arange(len(share)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        edges = np.repeat(first[states, chosen], repeats) + offsets
        tasks = np.repeat(table.task[states], repeats)
        np.add.at(steps, tasks, share)
        np.add.at(cost, tasks, share * table.cost[edges])
        np.add.at(correct, tasks, share * table.correct[edges])
        on = table.target[edges] >= 0
        states, share = table.target[edges][on], share[on]
    return Played(
        correct.astype(np.float32),
        cost.astype(np.float32),
        steps.astype(np.float32),
        np.concatenate(seen_states),
        np.concatenate(seen_actions),
    )
