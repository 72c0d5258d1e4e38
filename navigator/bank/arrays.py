"""The trees of a bank as flat arrays that nobody can write to: replay, exact values, rollouts and training share them.

States stand task after task, level after level within a task, so a parent comes before its children and one pass
backwards over `levels` values everything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.bank.identity import identifiers, matching
from pilotage.navigator.bank.records import Node
from pilotage.navigator.spaces import ActionMask, ActionSpec, Observation, ObservationSpec

Integers = NDArray[np.int64]
Float64s = NDArray[np.float64]


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    array.setflags(write=False)
    return array


def _freeze(record: object) -> None:
    """Makes the arrays that an object holds read-only: whoever shares it may rely on them."""
    for value in vars(record).values():
        if isinstance(value, np.ndarray):
            _frozen(value)


@dataclass(frozen=True)
class Transitions:
    """k recorded steps, ordered by state and action; stopping is one, and so is every further sample of a block.

    Attributes:
        source: int (k,): state where it begins.
        action: int (k,): what was done.
        target: int (k,): state that it leads to; -1 where the episode ends.
        cost: float32 (k,): thousands of tokens, those of an answer that follows by itself included.
        correct: float32 (k,): score where the episode ends, else 0.
        recorded: bool (n, a): actions of which the outcome is known; none where the run had ended.
    """

    source: Integers
    action: Integers
    target: Integers
    cost: NDArray[np.float32]
    correct: NDArray[np.float32]
    recorded: ActionMask

    def __post_init__(self) -> None:
        _freeze(self)


@dataclass(frozen=True)
class BankArrays:
    """n recorded states of m tasks; f features, a actions. Costs are in thousands of tokens.

    Attributes:
        actions: the action list.
        observations: names and bounds of the features.
        tasks: ids of the m tasks.
        families: the family of each task.
        ids: node id of each state.
        features: float32 (n, f): what a navigator sees there.
        legal: bool (n, a): what the run allowed there, recorded or not.
        playable: bool (n, a): legal and recorded; always includes the terminal action; only that one where the run
            ended.
        task: int (n,): index of the state's task.
        parent: int (n,): index of the state before; -1 for a root.
        action: int (n,): the action that led there; -1 for a root.
        depth: int (n,): blocks run so far.
        cost: float (n,): cost of the step that led there.
        answer_cost: float (n,): cost of the terminal action there.
        score: float (n,): score of stopping there, 0 to 1.
        ended: bool (n,): the run ended on reaching it, without a decision.
        candidate_score: float (n,): score of the candidate that the step reached, 0 to 1; NaN where it reached none, or
            nobody graded it.
        content_fingerprints: of what each of the m tasks shows; empty text where the bank does not tell.
    """

    actions: ActionSpec
    observations: ObservationSpec
    tasks: tuple[str, ...]
    families: tuple[str, ...]
    ids: tuple[str, ...]
    features: Observation
    legal: ActionMask
    playable: ActionMask
    task: Integers
    parent: Integers
    action: Integers
    depth: Integers
    cost: Float64s
    answer_cost: Float64s
    score: Float64s
    ended: ActionMask
    candidate_score: Float64s
    content_fingerprints: tuple[str, ...]

    def __post_init__(self) -> None:
        _freeze(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        _freeze(self)  # arrays come out of a pickle writable

    def __len__(self) -> int:
        return len(self.ids)

    def __deepcopy__(self, memo: object) -> Self:
        return self  # it cannot change; Gymnasium copies the arguments of environments

    @classmethod
    def of(cls, bank: Bank, tasks: Iterable[str] | None = None) -> Self:
        """The trees of these tasks, of all for None, in the bank's order; raises BankError as `tree` and `select`."""
        chosen = bank.select(tasks)
        trees = [bank.tree(task) for task in chosen]
        nodes: list[Node] = []
        parent: list[int] = []
        depth: list[int] = []
        for tree in trees:
            depths: dict[str | None, int] = {None: -1}
            for node in tree:
                depths[node.id] = depths[node.parent] + 1
            places: dict[str | None, int] = {None: -1}
            for node in sorted(tree, key=lambda node: depths[node.id]):  # stable: samples keep their order
                places[node.id] = len(nodes)
                parent.append(places[node.parent])
                depth.append(depths[node.id])
                nodes.append(node)
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
            features=np.array([n.observation for n in nodes], dtype=np.float32).reshape(len(nodes), -1),
            legal=legal,
            playable=legal & recorded,
            task=np.repeat(np.arange(len(trees)), [len(tree) for tree in trees]),
            parent=parents,
            action=action,
            depth=np.array(depth, dtype=np.int64),
            cost=np.array([n.cost for n in nodes]),
            answer_cost=np.array([n.answer_cost for n in nodes]),
            score=np.array([n.score for n in nodes], dtype=float),
            ended=ended,
            candidate_score=np.array([n.candidate_score for n in nodes], dtype=float),  # None is NaN
            content_fingerprints=tuple(tree.content_fingerprint for tree in trees),
        )

    def matching(self, wanted: Iterable[str]) -> set[str]:
        """Tasks that are known by one of these ids or fingerprints of what they show."""
        return matching(zip(self.tasks, self.content_fingerprints, strict=True), wanted)

    @property
    def identifiers(self) -> set[str]:
        """What its tasks are known by: their ids, and the fingerprints of what they show."""
        return identifiers(zip(self.tasks, self.content_fingerprints, strict=True))

    @property
    def terminal(self) -> int:
        """Index of the terminal action."""
        return self.actions.index(self.actions.terminal)

    @cached_property
    def ungraded(self) -> bool:
        """Whether no candidate has a score."""
        return bool(np.isnan(self.candidate_score).all())

    @cached_property
    def roots(self) -> Integers:
        """The state that each task starts in, int (m,)."""
        return _frozen(np.flatnonzero(self.parent < 0))

    @cached_property
    def levels(self) -> tuple[Integers, ...]:
        """Indices of states at each depth, from 1."""
        return tuple(_frozen(np.flatnonzero(self.depth == level)) for level in range(1, int(self.depth.max()) + 1))

    @cached_property
    def samples(self) -> Integers:
        """How often each action was recorded in each state, int (n, a)."""
        counts = np.zeros(self.legal.shape, dtype=np.int64)
        children = self.parent >= 0
        np.add.at(counts, (self.parent[children], self.action[children]), 1)
        return _frozen(counts)

    @cached_property
    def children(self) -> tuple[dict[int, tuple[int, ...]], ...]:
        """For each state: action -> the states it led to, one a sample."""
        by_state: list[dict[int, tuple[int, ...]]] = [{} for _ in self.ids]
        for index, (parent, action) in enumerate(zip(self.parent.tolist(), self.action.tolist(), strict=True)):
            if parent >= 0:
                by_state[parent][action] = (*by_state[parent].get(action, ()), index)
        return tuple(by_state)

    @cached_property
    def action_prefixes(self) -> tuple[tuple[int, ...], ...]:
        """For each state: the actions that led there from its root."""
        prefixes: list[tuple[int, ...]] = []
        for parent, action in zip(self.parent.tolist(), self.action.tolist(), strict=True):
            prefixes.append(() if parent < 0 else (*prefixes[parent], action))
        return tuple(prefixes)

    @cached_property
    def transitions(self) -> Transitions:
        """All recorded steps."""
        states = np.arange(len(self))
        stopping, moves = states[~self.ended | (self.parent < 0)], states[self.parent >= 0]
        source = np.concatenate([stopping, self.parent[moves]])
        action = np.concatenate([np.full(len(stopping), self.terminal), self.action[moves]])
        reached = np.concatenate([stopping, moves])
        ends = np.concatenate([np.ones(len(stopping), dtype=np.bool_), self.ended[moves]])
        step = np.concatenate([np.zeros(len(stopping)), self.cost[moves]])
        recorded = np.zeros(self.legal.shape, dtype=np.bool_)
        recorded[source, action] = True
        order = np.lexsort((action, source))
        return Transitions(
            source=source[order],
            action=action[order],
            target=np.where(ends, -1, reached)[order],
            cost=(step + np.where(ends, self.answer_cost[reached], 0.0))[order].astype(np.float32),
            correct=np.where(ends, self.score[reached], 0.0)[order].astype(np.float32),
            recorded=recorded,
        )

    @cached_property
    def fingerprint(self) -> str:
        """Changes with anything that a training could depend on, but not with how the files are packed."""
        schemas = (self.actions.schema_hash, self.observations.schema_hash, self.tasks)
        digest = hashlib.sha256(repr(schemas).encode())
        steps = self.transitions
        for array in (self.features, self.legal, steps.source, steps.action, steps.target, steps.cost, steps.correct):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]
