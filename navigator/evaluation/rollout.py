"""Walk: what a policy does on recorded trees, exactly: every outcome counts by its chance, none is drawn.

A policy sees as legal what was recorded, as a replayed episode shows it. A *strict* walk offers all that was legal and
gives a task up as unknown where the policy takes what was not recorded; so fixed sequences are judged, which would else
be credited with the outcome of another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pilotage.navigator.bank.arrays import Floats, Forest
from pilotage.navigator.errors import SpecMismatch
from pilotage.navigator.policies.policy import FixedPolicy, Policy, require_legal
from pilotage.navigator.policies.provenance import Provenance, heard
from pilotage.navigator.spaces import ActionMask
from pilotage.navigator.values.outcomes import Outcomes, outcomes_of


@dataclass(frozen=True)
class Walk:
    """A policy on n states of m tasks, with a actions.

    Attributes:
        forest: the states.
        chances: of each action in every state that is reached, float (n, a); 0 in all others.
        visits: expected visits of every state, float (n,); below 1 where the policy or the samples branch.
        claims: value that the policy itself gives to its choice, float (n,); NaN where it gives none.
        lost: chance that a task's episode takes what was not recorded, float (m,); 0 throughout unless strict.
        strayed: expected decisions of a task for which an action was preferred that is legal but not recorded, float
            (m,). It had to be left out.
        asked: what the trained policies that decided, whoever asked them, had learned from.
    """

    forest: Forest
    chances: Floats
    visits: Floats
    claims: Floats
    lost: Floats
    strayed: Floats
    asked: Provenance = Provenance()

    @cached_property
    def outcomes(self) -> Outcomes:
        """Expected score, cost and blocks of every task; NaN where the bank cannot tell."""
        found = outcomes_of(self.forest, self.chances)
        unknown = self.lost > 0
        columns = (np.where(unknown, np.nan, column) for column in (found.correct, found.cost, found.blocks))
        return Outcomes(found.tasks, found.families, *columns)

    @cached_property
    def decided(self) -> Floats:
        """Expected times that each action is taken in each state, float (n, a)."""
        decided: Floats = self.visits[:, None] * self.chances
        return decided

    @cached_property
    def uses(self) -> Floats:
        """Expected times that each action is taken, by task; float (m, a)."""
        total = np.zeros((len(self.forest.tasks), len(self.forest.actions)))
        np.add.at(total, self.forest.task, self.decided)
        return total

    @cached_property
    def edges(self) -> Floats:
        """Expected times that an action follows another, float (m, a + 1, a); the first of the a + 1 is the start."""
        forest = self.forest
        total = np.zeros((len(forest.tasks), len(forest.actions) + 1, len(forest.actions)))
        np.add.at(total, (forest.task, forest.action + 1), self.decided)
        return total


def walk(forest: Forest, policies: Policy | Sequence[Policy], *, strict: bool = False) -> Walk:
    """Follows a policy from every root.

    Args:
        forest: the tasks.
        policies: one for all tasks, or one for each task in order.
        strict: give a task up where what the policy takes was not recorded, instead of hiding that from it.

    Raises:
        SpecMismatch: a policy chose what is not legal, or cannot read the observations.
    """
    chances, claims = np.zeros(forest.playable.shape), np.full(len(forest), np.nan)
    visits, lost, strayed = np.zeros(len(forest)), np.zeros(len(forest.tasks)), np.zeros(len(forest.tasks))
    visits[forest.roots] = 1.0
    with heard() as listener:
        for number, states in enumerate((forest.roots, *forest.levels)):
            if number:
                before, action = forest.parent[states], forest.action[states]
                visits[states] = visits[before] * chances[before, action] / forest.samples[before, action]
            for state in states[(visits[states] > 0) & ~forest.ended[states]].tolist():
                task = int(forest.task[state])
                policy = policies[task] if isinstance(policies, Sequence) else policies
                free, claim = _act(policy, forest, state, forest.legal[state])
                away = float(free[~forest.playable[state]].sum())
                if away > 0:
                    strayed[task] += visits[state] * away
                    if strict:
                        lost[task] += visits[state] * away
                        free = free * forest.playable[state]
                    else:
                        free, claim = _act(policy, forest, state, forest.playable[state])
                chances[state], claims[state] = free, claim
    return Walk(forest, chances, visits, claims, lost, strayed, listener.learned)


def walk_of(forest: Forest, chances: Floats) -> Walk:
    """The walk of known chances of every action, shape (n, a), over playable actions: an oracle's, say."""
    visits = np.zeros(len(forest))
    visits[forest.roots] = 1.0
    for states in forest.levels:
        before, action = forest.parent[states], forest.action[states]
        going = np.where(forest.ended[before], 0.0, chances[before, action])
        visits[states] = visits[before] * going / forest.samples[before, action]
    reached = np.where(((visits > 0) & ~forest.ended)[:, None], chances, 0.0)
    nothing = np.zeros(len(forest.tasks))
    return Walk(forest, reached, visits, np.full(len(forest), np.nan), nothing, nothing.copy())


def _act(policy: Policy, forest: Forest, state: int, mask: ActionMask) -> tuple[Floats, float]:
    """Chance of each action, shape (a,), and the value that the policy gives to its choice; NaN where none."""
    try:
        if isinstance(policy, FixedPolicy):  # not every preset has features that tell it how far it is
            decision = policy.after(forest.routes[state], mask)
        else:
            decision = policy.decide(forest.seen[state], mask)
        require_legal(decision, mask, forest.actions)
    except SpecMismatch as error:
        raise SpecMismatch(f"{policy.name}, task {forest.tasks[forest.task[state]]!r}: {error}") from error
    claim = float("nan")
    if decision.values is not None and decision.probabilities is None:
        claim = decision.values[decision.action]
    return decision.distribution(len(mask)), claim
