"""Outcomes: how often a policy is right on a bank and what it pays, in expectation over samples and per task."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pilotage.navigator.bank.arrays import Floats, Forest, Integers
from pilotage.navigator.errors import SpecMismatch
from pilotage.navigator.policies.policy import Policy, require_legal


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
    correct: Floats
    cost: Floats
    blocks: Floats

    @property
    def coverage(self) -> float:
        """Share of tasks that the bank can tell of."""
        return float(np.isfinite(self.correct).mean())

    @property
    def accuracy(self) -> float:
        """Mean score over the tasks that are covered; NaN where none is."""
        return _mean(self.correct)

    @property
    def mean_cost(self) -> float:
        """Mean cost over the tasks that are covered, in thousands of tokens; NaN where none is."""
        return _mean(self.cost)

    def value(self, cost_weight: float) -> float:
        """Mean of `correct - cost_weight * cost`."""
        return self.accuracy - cost_weight * self.mean_cost

    def only(self, family: str) -> Outcomes:
        """The tasks of one family."""
        kept = [place for place, name in enumerate(self.families) if name == family]
        return Outcomes(
            tuple(self.tasks[place] for place in kept),
            tuple(family for _ in kept),
            self.correct[kept],
            self.cost[kept],
            self.blocks[kept],
        )


def outcomes_of(forest: Forest, probabilities: Floats) -> Outcomes:
    """Outcomes of acting with these probabilities, shape (n, a), each row over playable actions."""
    stops = probabilities[:, forest.terminal]
    stops = np.where(forest.ended, 1.0, stops)
    correct, cost = stops * forest.score, stops * forest.stop_cost
    blocks = np.zeros(len(forest))
    for level in reversed(forest.levels):
        before, action = forest.parent[level], forest.action[level]
        weight = np.where(forest.ended[before], 0.0, probabilities[before, action] / forest.samples[before, action])
        np.add.at(correct, before, weight * correct[level])
        np.add.at(cost, before, weight * (forest.cost[level] + cost[level]))
        np.add.at(blocks, before, weight * (1 + blocks[level]))
    roots = forest.roots
    return Outcomes(forest.tasks, forest.families, correct[roots], forest.cost[roots] + cost[roots], blocks[roots])


def one_hot(forest: Forest, chosen: Integers) -> Floats:
    """One action a state, shape (n,), as probabilities of shape (n, a)."""
    probabilities = np.zeros(forest.playable.shape)
    probabilities[np.arange(len(forest)), chosen] = 1.0
    return probabilities


def decisions(forest: Forest, policy: Policy) -> Integers:
    """The action that a policy takes in every state, int (n,); raises SpecMismatch where one is not playable."""
    return np.array([_decide(policy, forest, state) for state in range(len(forest))], dtype=np.int64)


def follow(forest: Forest, policy: Policy) -> Outcomes:
    """Outcomes of a policy that sees what was recorded as the legal actions; exact, without drawing samples."""
    return outcomes_of(forest, one_hot(forest, decisions(forest, policy)))


def _decide(policy: Policy, forest: Forest, state: int) -> int:
    decision = policy.decide(forest.seen[state], forest.playable[state])
    try:
        require_legal(decision, forest.playable[state], forest.actions)
    except SpecMismatch as error:
        raise SpecMismatch(f"{policy.name}, task {forest.tasks[forest.task[state]]!r}: {error}") from error
    return decision.action


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
