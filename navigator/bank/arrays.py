"""Forest: the trees of a bank as flat arrays, which replay, exact values and offline training share.

Nodes stand task after task, level after level within a task, so a parent comes before its children and one pass
backwards over `levels` values everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.bank.records import Node
from pilotage.navigator.bank.tree import Tree
from pilotage.navigator.spaces import ActionMask, ActionSpec, Observation, ObservationSpec

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Forest:
    """n recorded states of m tasks; f features, a actions. Costs are in thousands of tokens.

    Attributes:
        actions: the action list.
        observations: the features.
        tasks: ids of the m tasks.
        families: the family of each task.
        ids: node id of each state.
        seen: observations, float32, shape (n, f).
        legal: bool (n, a): what the run allowed there, recorded or not.
        playable: bool (n, a): what is legal and recorded; the terminal action always, and alone where the run ended.
        task: int (n,): index of the state's task.
        parent: int (n,): index of the state before; -1 for a root.
        action: int (n,): the action that led there; -1 for a root.
        depth: int (n,): blocks run so far.
        cost: float (n,): cost of the step that led there.
        stop_cost: float (n,): cost of the terminal action there.
        score: float (n,): score of stopping there, 0 to 1.
        ended: bool (n,): the run ended on reaching it, without a decision.
        shows: fingerprint of what each of the m tasks shows; empty text where the bank does not tell.
    """

    actions: ActionSpec
    observations: ObservationSpec
    tasks: tuple[str, ...]
    families: tuple[str, ...]
    ids: tuple[str, ...]
    seen: Observation
    legal: ActionMask
    playable: ActionMask
    task: Integers
    parent: Integers
    action: Integers
    depth: Integers
    cost: Floats
    stop_cost: Floats
    score: Floats
    ended: ActionMask
    shows: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def __deepcopy__(self, memo: object) -> Self:
        return self  # never changed; Gymnasium copies the arguments of environments

    @classmethod
    def of(cls, bank: Bank, tasks: Iterable[str] | None = None) -> Self:
        """The trees of these tasks, in the bank's order; of all tasks for None.

        Raises:
            BankError: a task is unknown, a file is damaged, or no task was chosen.
        """
        chosen = bank.select(tasks)
        trees = [bank.tree(task) for task in chosen]
        nodes: list[Node] = []
        parent: list[int] = []
        depth: list[int] = []
        task: list[int] = []
        for number, tree in enumerate(trees):
            places: dict[str, int] = {}
            for level, node in _by_level(tree):
                places[node.id] = len(nodes)
                nodes.append(node)
                parent.append(-1 if node.parent is None else places[node.parent])
                depth.append(level)
                task.append(number)
        actions = bank.actions
        action = np.array([-1 if n.action is None else actions.index(n.action) for n in nodes], dtype=np.int64)
        parents = np.array(parent, dtype=np.int64)
        legal = np.array([n.mask for n in nodes], dtype=np.bool_).reshape(len(nodes), len(actions))
        recorded = np.zeros_like(legal)
        recorded[parents[parents >= 0], action[parents >= 0]] = True
        recorded[:, actions.index(actions.terminal)] = True
        ended = np.array([n.terminal for n in nodes], dtype=np.bool_)
        recorded[ended] = actions.mask(())
        return cls(
            actions=actions,
            observations=bank.observations,
            tasks=tuple(chosen),
            families=tuple(tree.family for tree in trees),
            ids=tuple(n.id for n in nodes),
            seen=np.array([n.observation for n in nodes], dtype=np.float32).reshape(len(nodes), -1),
            legal=legal,
            playable=legal & recorded,
            task=np.array(task, dtype=np.int64),
            parent=parents,
            action=action,
            depth=np.array(depth, dtype=np.int64),
            cost=np.array([n.cost for n in nodes]),
            stop_cost=np.array([n.stop_cost for n in nodes]),
            score=np.array([n.score for n in nodes], dtype=float),
            ended=ended,
            shows=tuple(tree.shows for tree in trees),
        )

    def among(self, marks: Iterable[str]) -> set[str]:
        """Tasks of these marks: ids, or fingerprints of what they show."""
        known = frozenset(marks)
        return {task for task, shows in zip(self.tasks, self.shows, strict=True) if known & {task, shows}}

    @property
    def marks(self) -> set[str]:
        """What its tasks are known by: their ids, and the fingerprints of what they show."""
        return {*self.tasks, *self.shows} - {""}

    @property
    def terminal(self) -> int:
        """Index of the terminal action."""
        return self.actions.index(self.actions.terminal)

    @cached_property
    def roots(self) -> Integers:
        """The state that each task starts in, int (m,)."""
        return np.flatnonzero(self.parent < 0)

    @cached_property
    def levels(self) -> tuple[Integers, ...]:
        """States by depth, from 1 on: the children that one step reaches."""
        return tuple(np.flatnonzero(self.depth == level) for level in range(1, int(self.depth.max()) + 1))

    @cached_property
    def samples(self) -> Integers:
        """How often each action was recorded in each state, int (n, a)."""
        counts = np.zeros(self.legal.shape, dtype=np.int64)
        children = self.parent >= 0
        np.add.at(counts, (self.parent[children], self.action[children]), 1)
        return counts

    @cached_property
    def children(self) -> tuple[dict[int, tuple[int, ...]], ...]:
        """For each state: action -> the states it led to, one a sample."""
        found: list[dict[int, tuple[int, ...]]] = [{} for _ in self.ids]
        for place, (before, action) in enumerate(zip(self.parent.tolist(), self.action.tolist(), strict=True)):
            if before >= 0:
                found[before][action] = (*found[before].get(action, ()), place)
        return tuple(found)

    @cached_property
    def routes(self) -> tuple[tuple[int, ...], ...]:
        """For each state: the actions that led there from its root."""
        found: list[tuple[int, ...]] = []
        for before, action in zip(self.parent.tolist(), self.action.tolist(), strict=True):
            found.append(() if before < 0 else (*found[before], action))
        return tuple(found)

    @cached_property
    def path_cost(self) -> Floats:
        """Cost of all steps up to and including the one that led there, float (n,)."""
        total = self.cost.copy()
        for level in self.levels:
            total[level] += total[self.parent[level]]
        return total


def _by_level(tree: Tree) -> list[tuple[int, Node]]:
    depths: dict[str, int] = {}
    for node in tree:
        depths[node.id] = 0 if node.parent is None else depths[node.parent] + 1
    return sorted(((depths[node.id], node) for node in tree), key=lambda pair: pair[0])
