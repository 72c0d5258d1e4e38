"""Recorder: one task's tree. Whoever walks it gets what is on disk for nothing, and what is not is run and written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from pilotage.agent.banks.fingerprints import fingerprint, is_as_recorded, outputs_fingerprint
from pilotage.agent.banks.grading import score_of_candidate
from pilotage.agent.banks.sources import Assigned
from pilotage.agent.banks.stepwise import ObservedState, Stepwise, StopOutcome
from pilotage.agent.errors import UsageError
from pilotage.agent.graph.advance import extended
from pilotage.agent.prompting import content_fingerprint
from pilotage.agent.task import Task
from pilotage.agent.trace import CostEntry, Recalled, Step, Trace, Usage
from pilotage.navigator.bank.records import CONTENT_FINGERPRINT, ROOT, Node, child_id
from pilotage.navigator.bank.writer import BankWriter

OUTPUTS = "outputs"
"""Under which a puzzle's root keeps the fingerprint of the outputs that its nodes were scored by."""
OF_NODE = {"block", "text", "candidate", "evidence"}
"""Fields of a step that have a place of their own in a node."""


@dataclass(frozen=True)
class RecordedState:
    """A node and the state of the run that it records."""

    node: Node
    observed: ObservedState


def node_of(
    task: Task,
    before: RecordedState | None,
    now: ObservedState,
    outcome: StopOutcome,
    sample: int = 0,
    candidate_score: float | None = None,
) -> Node:
    """The node that the newest step of `now` led to; the root where there was nothing before."""
    trace = now.state.trace
    extras: dict[str, Any]
    if before is None:
        charges = trace.charges
        extras = {"prompt": fingerprint(task), CONTENT_FINGERPRINT: content_fingerprint(task)}
        if (outputs := outputs_fingerprint(task)) is not None:
            extras[OUTPUTS] = outputs
        if trace.recalled != Recalled():
            extras["recalled"] = trace.recalled.model_dump(mode="json", exclude_defaults=True)
        if outcome.logprobs:  # how sure the model is of a direct answer
            extras["answer_logprobs"] = [
                [token.token, round(token.logprob, 4), [[text, round(logprob, 4)] for text, logprob in token.top]]
                for token in outcome.logprobs
            ]
        nothing = dict.fromkeys(("parent", "action", "candidate"))
        reached_by: dict[str, Any] = {"id": ROOT, "evidence": {}, "text": "", **nothing}
    else:
        step, charges = trace.steps[-1], trace.charges[len(before.observed.state.trace.charges) :]
        extras = {"step": step.model_dump(mode="json", exclude_defaults=True, exclude=OF_NODE)}
        reached_by = {
            "id": child_id(before.node.id, step.block, sample),
            "parent": before.node.id,
            "action": step.block,
            "candidate": step.candidate,
            "evidence": step.evidence.model_dump(mode="json", exclude_none=True),
            "text": step.text,
        }
    if charges:
        extras["charges"] = [charge.model_dump(mode="json", exclude_defaults=True) for charge in charges]
    if now.stopped_by is not None:
        extras["stopped_by"] = now.stopped_by
    if outcome.note is not None:
        extras["answer_note"] = outcome.note
    return Node(
        **reached_by,
        observation=now.observation.tolist(),
        mask=now.mask.tolist(),
        usage=counts(now.usage),
        answer=outcome.answer,
        score=outcome.score,
        answer_usage=counts(outcome.usage),
        sample=sample,
        terminal=now.stopped_by is not None,
        extras=extras,
        candidate_score=candidate_score,
    )


def replayed(stepwise: Stepwise, task: Task, before: RecordedState | None, node: Node) -> ObservedState | None:
    """The state that a recorded node stands for, without a call; None where its turns were not kept.

    Raises:
        UsageError: the task shows something else than when it was recorded.
    """
    charges = tuple(CostEntry.model_validate(charge) for charge in node.extras.get("charges", ()))
    if before is None:
        if not is_as_recorded(task, node.extras.get("prompt")):
            raise UsageError(
                f"task {task.id} is not what it was when the bank was recorded: give its tasks as then, or choose "
                "another --out"
            )
        if node.extras.get(OUTPUTS) not in (None, outputs_fingerprint(task)):
            raise UsageError(
                f"the outputs of {task.id} are others than when the bank was recorded: its scores would be of two "
                "kinds; give its outputs as then, or choose another --out"
            )
        recalled = Recalled.model_validate(node.extras.get("recalled", {}))
        state = stepwise.opened(task, Trace(recalled=recalled, charges=charges))
    elif "step" not in node.extras:
        return None
    else:
        kept = {"block": node.action, "text": node.text, "candidate": node.candidate, "evidence": dict(node.evidence)}
        step = Step.model_validate({**node.extras["step"], **kept})
        state = extended(before.observed.state, step, charges=charges)
    return ObservedState(
        state,
        np.array(node.observation, dtype=np.float32),
        np.array(node.mask, dtype=np.bool_),
        Usage.model_validate(dict(node.usage)),
        node.extras.get("stopped_by"),
    )


def counts(usage: Usage) -> dict[str, float]:
    """A usage as a bank writes it: what was paid, or would have been without the response cache."""
    return usage.model_dump(mode="json", exclude={"replayed_calls"})


class Enough(Exception):
    """Nothing more is to be run of this task: its nodes or the time are used up. What was recorded stays."""


class Recorder:
    """Walks one task's tree, recording on the way.

    Args:
        assigned: the task with its hidden part, for the grader, and how the bank names it.
        may_go_on: asked, with the number of nodes that the task has, before anything is run.
        on_node: called with each node once it is on disk.

    Attributes:
        reached: what was walked to, by the id of its node.
    """

    def __init__(
        self,
        stepwise: Stepwise,
        writer: BankWriter,
        assigned: Assigned,
        *,
        may_go_on: Callable[[int], bool],
        on_node: Callable[[Node], None],
    ) -> None:
        self._stepwise, self._writer = stepwise, writer
        self._task, self._header = assigned.task, assigned.header
        self._may_go_on, self._on_node = may_go_on, on_node
        self._recorded = writer.nodes(self._task.id)
        self.reached: dict[str, RecordedState] = {}

    async def root(self) -> RecordedState:
        """Where the task starts.

        Raises:
            Enough: it is not recorded, and nothing more is to be run.
        """
        return await self._reach(ROOT, None, partial(self._stepwise.start, self._task), 0)

    async def child(self, before: RecordedState, block: str, sample: int = 0) -> RecordedState:
        """What a block leads to, legal at `before`.

        Raises:
            Enough: it is not recorded, and nothing more is to be run.
        """
        run = partial(self._stepwise.take, before.observed, block, sample)
        return await self._reach(child_id(before.node.id, block, sample), before, run, sample)

    async def _reach(
        self, id: str, before: RecordedState | None, run: Callable[[], Awaitable[ObservedState]], sample: int
    ) -> RecordedState:
        if id not in self.reached:
            node = self._recorded.get(id)
            if node is not None:
                now = replayed(self._stepwise, self._task, before, node) or self._same(node, await run())
            elif self._may_go_on(len(self._recorded)):
                now = await run()
                outcome = await self._stepwise.stop(now, self._task)
                node = node_of(self._task, before, now, outcome, sample, await self._candidate_score(now, outcome))
                await self._write(node)
            else:
                raise Enough
            self.reached[id] = RecordedState(node, now)
        return self.reached[id]

    async def _candidate_score(self, now: ObservedState, outcome: StopOutcome) -> float | None:
        candidate = None if now.state.last is None else now.state.last.candidate
        return await score_of_candidate(self._task, candidate, outcome, self._stepwise.components.sandbox)

    def _same(self, node: Node, now: ObservedState) -> ObservedState:
        """The state of a node that a trace brought, without its turns: run again, from the cache as a rule.

        Where the block did something else this time, nothing can follow the node: its mask leaves stopping only.
        """
        last = now.state.last
        if last is not None and (last.text, last.candidate) == (node.text, node.candidate):
            return now
        return replace(now, mask=self._stepwise.components.registry.actions.mask(()))

    async def _write(self, node: Node) -> None:
        def write() -> None:
            self._writer.begin(self._header)
            self._writer.add(self._task.id, node)

        # In a thread, because the disk is waited for; shielded, so that what was paid for is written all the same.
        await asyncio.shield(asyncio.to_thread(write))
        self._recorded[node.id] = node
        self._on_node(node)
