"""Record: moments of a run as nodes of a bank, and back, so that a stopped collection goes on from what is on disk."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from pilotage.agent.banks.stepwise import ObservedState, Stepwise, StopOutcome
from pilotage.agent.errors import UsageError
from pilotage.agent.graph.advance import extended
from pilotage.agent.prompting import describe
from pilotage.agent.state import State
from pilotage.agent.task import Task
from pilotage.agent.trace import CostEntry, Recalled, Step, Trace, Usage
from pilotage.navigator.bank.bank import ROOT, Node, child_id
from pilotage.navigator.bank.records import SHOWS

TOLD_BY_NODE = {"block", "text", "candidate", "evidence"}
"""Fields of a step that have a place of their own in a node."""


def root_node(task: Task, now: ObservedState, ending: StopOutcome) -> Node:
    """The node of a task before any block."""
    extras: dict[str, Any] = {"prompt": fingerprint(task), SHOWS: shown(task)}
    recalled = now.state.trace.recalled
    if recalled != Recalled():
        extras["recalled"] = recalled.model_dump(mode="json", exclude_defaults=True)
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
