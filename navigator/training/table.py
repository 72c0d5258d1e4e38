"""Table: a bank's trees as flat arrays, one row a state and one row an edge, for algorithms that see all at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pilotage.navigator.bank.arrays import Forest
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.policies.inputs import COUNTS, Floats, Support
from pilotage.navigator.spaces import ActionSpec, ObservationSpec

Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True)
class Table:
    """States and edges of some tasks. A repeat of a block (another sample) is an edge of its own.

    Attributes:
        actions: the action list.
        features: the observation's features.
        tasks: task ids.
        families: the family of each task.
        roots: state at which each task starts, shape (tasks,).
        task: number of the task of each state, shape (states,).
        observations: shape (states, features), natural units.
        legal: what the masks allow, recorded or not; shape (states, actions).
        source: state where an edge begins, in order; shape (edges,).
        action: what it does, in order within a state; shape (edges,).
        target: state that it leads to, -1 where the episode ends; shape (edges,).
        cost: thousands of tokens, shape (edges,).
        correct: score where the episode ends, else 0; shape (edges,).
        root_cost: cost of what precedes the first decision, shape (tasks,).
    """

    actions: ActionSpec
    features: ObservationSpec
    tasks: tuple[str, ...]
    families: tuple[str, ...]
    roots: Integers
    task: Integers
    observations: Floats
    legal: Booleans
    source: Integers
    action: Integers
    target: Integers
    cost: Floats
    correct: Floats
    root_cost: Floats

    @classmethod
    def of(cls, bank: Bank, tasks: Iterable[str] | None = None) -> Self:
        """The states of some tasks of a bank, of all by default."""
        forest = Forest.of(bank, tasks)
        states, roots = np.arange(len(forest)), forest.roots
        stopping = states[~forest.ended | (forest.parent < 0)]
        moves = states[forest.parent >= 0]
        ends = forest.ended[moves]
        source = np.concatenate([stopping, forest.parent[moves]])
        action = np.concatenate([np.full(len(stopping), forest.terminal), forest.action[moves]])
        order = np.lexsort((action, source))
        halt = np.concatenate([np.ones(len(stopping), dtype=np.bool_), ends])
        reached = np.concatenate([stopping, moves])
        step = np.concatenate([np.zeros(len(stopping)), forest.cost[moves]])
        return cls(
            actions=bank.actions,
            features=bank.observations,
            tasks=forest.tasks,
            families=forest.families,
            roots=roots,
            task=forest.task,
            observations=forest.seen,
            legal=forest.legal,
            source=source[order],
            action=action[order],
            target=np.where(halt, -1, reached)[order],
            cost=(step + np.where(halt, forest.stop_cost[reached], 0.0))[order].astype(np.float32),
            correct=np.where(halt, forest.score[reached], 0.0)[order].astype(np.float32),
            root_cost=forest.cost[roots].astype(np.float32),
        )

    def __len__(self) -> int:
        return len(self.task)

    @cached_property
    def recorded(self) -> Booleans:
        """Actions of which the outcome is known, shape (states, actions); none where the run had ended."""
        recorded = np.zeros(self.legal.shape, dtype=np.bool_)
        recorded[self.source, self.action] = True
        return recorded

    @cached_property
    def slices(self) -> tuple[Integers, Integers]:
        """First edge and number of edges of each state and action, shape (states, actions) both."""
        first, count = np.zeros(self.legal.shape, dtype=np.int64), np.zeros(self.legal.shape, dtype=np.int64)
        np.add.at(count, (self.source, self.action), 1)
        starts = np.flatnonzero(np.diff(self.source * len(self.actions) + self.action, prepend=-1))
        first[self.source[starts], self.action[starts]] = starts
        return first, count

    def support(self, least: int) -> Support:
        """What was tried after the same blocks on at least `least` tasks; see `Support`."""
        places = [place for place, name in enumerate(self.features.names) if name.startswith(COUNTS)]
        seen: dict[tuple[tuple[int, ...], int], set[int]] = {}
        counts = self.observations[:, places].astype(np.int64)
        for source, action in zip(self.source.tolist(), self.action.tolist(), strict=True):
            seen.setdefault((tuple(counts[source].tolist()), action), set()).add(int(self.task[source]))
        tried: dict[tuple[int, ...], list[int]] = {}
        for (situation, action), tasks in seen.items():
            if len(tasks) >= least:
                tried.setdefault(situation, []).append(action)
        return Support(self.features, self.actions, tried)

    @cached_property
    def fingerprint(self) -> str:
        """Changes with anything that a training could depend on, but not with how the files are packed."""
        digest = hashlib.sha256(repr((self.actions.schema_hash, self.features.schema_hash, self.tasks)).encode())
        for array in (self.observations, self.legal, self.source, self.action, self.target, self.cost, self.correct):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]
