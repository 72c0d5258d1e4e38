"""Tally: how far a collection is, what it has cost, and how long it will still take."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field

from pilotage.agent.trace import Usage
from pilotage.navigator.bank.records import Node


@dataclass
class Tally:
    """Counts of one sitting.

    Attributes:
        entries: plan entries and episodes of all tasks, roots included.
        known: how many of them were on disk when this sitting began.
        fresh: how many others this sitting has done.
        nodes: nodes recorded in this sitting.
        earlier: nodes that were there before.
        tasks: tasks that are complete.
        right: sum of the scores of this sitting's nodes.
        usage: what this sitting's nodes cost, answers included. Replies that the cache had count as if paid.
    """

    entries: int = 0
    known: int = 0
    fresh: int = 0
    nodes: int = 0
    earlier: int = 0
    tasks: int = 0
    right: float = 0.0
    usage: Usage = Usage()
    started: float = field(default_factory=time.monotonic)

    def add(self, node: Node) -> None:
        """Counts a recorded node."""
        self.nodes += 1
        self.right += node.score
        self.usage += Usage.model_validate(dict(node.usage)) + Usage.model_validate(dict(node.answer_usage))

    def begin(self) -> None:
        """Starts the clock."""
        self.started = time.monotonic()

    @property
    def done(self) -> int:
        """Entries that are behind us."""
        return min(self.known + self.fresh, self.entries)

    @property
    def seconds(self) -> float:
        """Since this sitting began."""
        return time.monotonic() - self.started

    @property
    def seconds_left(self) -> float | None:
        """At the pace of this sitting; None before there is one. Entries whose condition fails take no time."""
        if self.nodes == 0 or self.fresh == 0:
            return None
        return self.seconds / self.fresh * (self.entries - self.done)


class Walked:
    """Counts the entries of one task, of which some nodes were `recorded` before, towards the tally of all.

    A task that was complete on disk takes no time, so its entries tell nothing of the pace: they count as known.
    """

    def __init__(self, tally: Tally, entries: int, recorded: Collection[str]) -> None:
        self._tally, self._left, self._recorded = tally, entries, recorded
        self._passed, self._grows = 0, False

    def add(self, node: Node) -> None:
        """A node was recorded in this sitting."""
        self._tally.add(node)
        self._grows = True
        self._settle()

    def passed(self, id: str | None = None) -> None:
        """An entry is done; `id` is the node it leads to, None for an episode."""
        self._left -= 1
        self._passed += id is None or id not in self._recorded
        self._settle()

    def finished(self) -> None:
        """Nothing more comes of this task, whether or not all its entries were gone through."""
        self._passed += self._left
        self._left = 0
        self._settle()
        self._tally.known += self._passed
        self._passed = 0

    def _settle(self) -> None:
        if self._grows:
            self._tally.fresh += self._passed
            self._passed = 0


def clock(seconds: float | None) -> str:
    """A time for people: `2 h 05 min`, `3 min`, `40 s`."""
    if seconds is None:
        return "?"
    minutes = round(seconds / 60)
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
