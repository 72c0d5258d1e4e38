"""Recorder: one task's tree. Whoever walks it gets what is on disk for nothing, and what is not is run and written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from pilotage.agent.banks.record import child_moment, child_node, root_moment, root_node
from pilotage.agent.banks.stepwise import ObservedState, Stepwise
from pilotage.agent.task import Task
from pilotage.navigator.bank.bank import ROOT, BankWriter, Node, TaskHeader, child_id


class Enough(Exception):
    """Nothing more is to be run of this task: its nodes or the time are used up. What was recorded stays."""


@dataclass(frozen=True)
class RecordedState:
    """A node and the moment of the run that it records."""

    node: Node
    moment: ObservedState


class Recorder:
    """Walks one task's tree, recording on the way.

    Args:
        stepwise: runs blocks.
        writer: the bank.
        task: the task with its hidden part, for the grader.
        header: the task as the bank knows it.
        may_go_on: asked, with the number of nodes that the task has, before anything is run.
        on_node: called with each node once it is on disk.
    """

    def __init__(
        self,
        stepwise: Stepwise,
        writer: BankWriter,
        task: Task,
        header: TaskHeader,
        *,
        may_go_on: Callable[[int], bool],
        on_node: Callable[[TaskHeader, Node], None],
    ) -> None:
        self._stepwise = stepwise
        self._writer = writer
        self._task = task
        self._header = header
        self._may_go_on = may_go_on
        self._on_node = on_node
        self._recorded = writer.nodes(task.id)
        self._spots: dict[str, RecordedState] = {}

    def walked(self, id: str) -> RecordedState | None:
        """The spot of a node that was walked to before; None for another."""
        return self._spots.get(id)

    async def root(self) -> RecordedState:
        """Where the task starts.

        Raises:
            Enough: it is not recorded, and nothing more is to be run.
        """
        if ROOT not in self._spots:
            node = self._recorded.get(ROOT)
            if node is not None:
                self._spots[ROOT] = RecordedState(node, root_moment(self._stepwise, self._task, node))
            else:
                self._require_leave()
                now = await self._stepwise.start(self._task)
                node = root_node(self._task, now, await self._stepwise.stop(now, self._task))
                self._spots[ROOT] = await self._written(RecordedState(node, now))
        return self._spots[ROOT]

    async def child(self, before: RecordedState, block: str, sample: int = 0) -> RecordedState:
        """What a block leads to, legal at `before`.

        Raises:
            Enough: it is not recorded, and nothing more is to be run.
        """
        id = child_id(before.node.id, block, sample)
        if id not in self._spots:
            node = self._recorded.get(id)
            if node is not None:
                now = child_moment(before.moment, node) or await self._again(before, node, block, sample)
                self._spots[id] = RecordedState(node, now)
            else:
                self._require_leave()
                now = await self._stepwise.take(before.moment, block, sample)
                ending = await self._stepwise.stop(now, self._task)
                self._spots[id] = await self._written(
                    RecordedState(child_node(before.node, before.moment, now, ending, sample), now)
                )
        return self._spots[id]

    async def _again(self, before: RecordedState, node: Node, block: str, sample: int) -> ObservedState:
        """The moment of a node that a trace brought, without its turns: run again, from the cache as a rule.

        Where the block does something else this time, nothing can follow the node: its mask leaves stopping only.
        """
        now = await self._stepwise.take(before.moment, block, sample)
        last = now.state.last
        if last is not None and (last.text, last.candidate) == (node.text, node.candidate):
            return now
        return replace(now, mask=self._stepwise.components.registry.actions.mask(()))

    def _require_leave(self) -> None:
        if not self._may_go_on(len(self._recorded)):
            raise Enough

    async def _written(self, spot: RecordedState) -> RecordedState:
        def write() -> None:
            self._writer.begin(self._header)
            self._writer.add(self._task.id, spot.node)

        # In a thread, because the disk is waited for; shielded, so that what was paid for is written all the same.
        await asyncio.shield(asyncio.to_thread(write))
        self._recorded[spot.node.id] = spot.node
        self._on_node(self._header, spot.node)
        return spot
