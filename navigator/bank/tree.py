"""Tree: the recorded states of one task, by id and by the action that leads to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from pilotage.navigator.bank.records import ROOT, SHOWS, Node, TaskHeader


@dataclass(frozen=True)
class Tree:
    """One task's recorded states.

    Args:
        header: what the task is.
        nodes: states by id, parents before children; the root first.
    """

    header: TaskHeader
    nodes: dict[str, Node]

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes.values())

    @property
    def task(self) -> str:
        """The task's id."""
        return self.header.task

    @property
    def family(self) -> str:
        """The task's family."""
        return self.header.family

    @property
    def root(self) -> Node:
        """The state before any block."""
        return self.nodes[ROOT]

    @property
    def shows(self) -> str:
        """Fingerprint of what the task shows, by which it is known under another id; empty where nobody noted it."""
        noted = self.root.extras.get(SHOWS)
        return noted if isinstance(noted, str) else ""

    @cached_property
    def children(self) -> dict[str, dict[str, tuple[Node, ...]]]:
        """Node id -> action -> the states it led to, one a sample; only what was recorded."""
        found: dict[str, dict[str, tuple[Node, ...]]] = {id: {} for id in self.nodes}
        for node in self:
            if node.parent is not None and node.action is not None:
                siblings = found[node.parent]
                siblings[node.action] = (*siblings.get(node.action, ()), node)
        return found

    def route(self, id: str) -> tuple[str, ...]:
        """The actions from the root to a node; empty for the root."""
        actions: list[str] = []
        node = self.nodes[id]
        while node.parent is not None and node.action is not None:
            actions.append(node.action)
            node = self.nodes[node.parent]
        return tuple(reversed(actions))

    def path_cost(self, id: str) -> float:
        """Cost of reaching a node, its own step included, in thousands of tokens; what stopping costs is apart."""
        node = self.nodes[id]
        cost = node.cost
        while node.parent is not None:
            node = self.nodes[node.parent]
            cost += node.cost
        return cost
