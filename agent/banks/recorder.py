"""Recorder: one task's tree. Whoever walks it gets what is on disk for nothing, and what is not is run and written."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pilotage.agent.banks.stepwise import ObservedState, Stepwise, StopOutcome
from pilotage.agent.errors import UsageError
from pilotage.agent.graph.advance import extended
from pilotage.agent.prompting import describe
from pilotage.agent.state import State
from pilotage.agent.task import Task
from pilotage.agent.trace import CostEntry, Recalled, Step, Trace, Usage
from pilotage.navigator.bank.bank import ROOT, BankWriter, Node, TaskHeader, child_id
from pilotage.navigator.bank.records import SHOWS

TOLD_BY_NODE = {"block", "text", "candidate", "evidence"}
"""Fields of a step that have a place of their own in a node."""


def root_node(task: Task, now: ObservedState, ending: StopOutcome) -> Node:
    """The node of a task before any block."""
    extras: dict[str, Any] = {"prompt": fingerprint(task), SHOWS: shown(task)}
    recalled = now.state.trace.recalled
    if recalled != Recalled():
        extras["recalled"] = recalled.model_dump(mode="json", exclude_defaults=True)
    if ending.logprobs:  # how sure the model is of a direct answer
        extras["answer_logprobs"] = [
            [token.token, round(token.logprob, 4), [[text, round(logprob, 4)] for text, logprob in token.top]]
            for token in ending.logprobs
        ]
    return _node(ROOT, None, 0, now, ending, None, extras, now.state.trace.charges)


def child_node(parent: Node, before: ObservedState, now: ObservedState, ending: StopOutcome, sample: int = 0) -> Node:
    """The node that the newest step of `now` led to."""
    step = now.state.trace.steps[-1]
    extras = {"step": step.model_dump(mode="json", exclude_defaults=True, exclude=TOLD_BY_NODE)}
    charges = now.state.trace.charges[len(before.state.trace.charges) :]
    return _node(child_id(parent.id, step.block, sample), parent.id, sample, now, ending, step, extras, charges)


def _node(
    id: str,
    parent: str | None,
    sample: int,
    now: ObservedState,
    ending: StopOutcome,
    step: Step | None,
    extras: dict[str, Any],
    charges: tuple[CostEntry, ...],
) -> Node:
    if charges:
        extras["charges"] = [charge.model_dump(mode="json", exclude_defaults=True) for charge in charges]
    if now.stopped_by is not None:
        extras["stopped_by"] = now.stopped_by
    if ending.note is not None:
        extras["answer_note"] = ending.note
    return Node(
        id=id,
        parent=parent,
        action=step.block if step else None,
        observation=now.observation.tolist(),
        mask=now.mask.tolist(),
        candidate=step.candidate if step else None,
        evidence=step.evidence.model_dump(mode="json", exclude_none=True) if step else {},
        text=step.text if step else "",
        usage=counts(now.usage),
        answer=ending.answer,
        score=ending.score,
        answer_usage=counts(ending.usage),
        sample=sample,
        terminal=now.stopped_by is not None,
        extras=extras,
    )


def counts(usage: Usage) -> dict[str, float]:
    """A usage as a bank writes it: what was paid, or would have been without the response cache."""
    return usage.model_dump(mode="json", exclude={"replayed_calls"})


def fingerprint(task: Task) -> str:
    """Changes with what a task shows, and with its id."""
    return hashlib.sha256(task.public().model_dump_json().encode()).hexdigest()[:16]


def shown(task: Task) -> str:
    """The same for tasks that a model is told the same of, whatever their ids: a copy of a file has ids of its own."""
    return hashlib.sha256(describe(task).encode()).hexdigest()[:16]


def root_moment(stepwise: Stepwise, task: Task, node: Node) -> ObservedState:
    """The moment of a recorded root, without a call.

    Raises:
        UsageError: the task shows something else than when it was recorded.
    """
    if node.extras.get("prompt", fingerprint(task)) != fingerprint(task):
        raise UsageError(
            f"task {task.id} is not what it was when the bank was recorded: give its tasks as then, or choose another "
            "--out"
        )
    recalled = Recalled.model_validate(node.extras.get("recalled", {}))
    state = stepwise.opened(task, Trace(recalled=recalled, charges=_charges(node)))
    return _moment(node, state)


def child_moment(before: ObservedState, node: Node) -> ObservedState | None:
    """The moment of a recorded node after that of its parent, without a call; None where its turns were not kept."""
    if "step" not in node.extras:
        return None
    kept = {"block": node.action, "text": node.text, "candidate": node.candidate, "evidence": dict(node.evidence)}
    step = Step.model_validate({**node.extras["step"], **kept})
    return _moment(node, extended(before.state, step, charges=_charges(node)))


def _charges(node: Node) -> tuple[CostEntry, ...]:
    return tuple(CostEntry.model_validate(charge) for charge in node.extras.get("charges", ()))


def _moment(node: Node, state: State) -> ObservedState:
    return ObservedState(
        state,
        np.array(node.observation, dtype=np.float32),
        np.array(node.mask, dtype=np.bool_),
        Usage.model_validate(dict(node.usage)),
        node.extras.get("stopped_by"),
    )


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
