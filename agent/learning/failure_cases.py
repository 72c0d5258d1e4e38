"""Failure cases: where a run's public evidence says that one of its steps misled and another one was right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotage.agent.candidates import Candidate
from pilotage.agent.state import State
from pilotage.agent.trace import Step

if TYPE_CHECKING:
    from pilotage.memory.learning.failure_cases import FailureCase

SHOWN = 1200


def failure_case_of(state: State, leader: Candidate, model: str) -> FailureCase | None:
    """The newest failure case that the evidence for `leader` tells of; None where there is none.

    A program that failed, by an error or on the task's worked examples, and a later one of the leader's that passed; or
    a route to another answer that at least two independent routes overruled.
    """
    if not leader.verified:
        return None
    return _repaired(state, leader, model) or _overruled(state, leader, model)


def _repaired(state: State, leader: Candidate, model: str) -> FailureCase | None:
    steps = state.trace.steps
    passed = next((step for step in leader.steps if step.program and step.evidence.program == "ok"), None)
    if passed is None:
        return None
    failed = [step for step in steps[: steps.index(passed)] if step.program and step.evidence.program == "failed"]
    if not failed:
        return None
    wrong = failed[-1]
    evidence = "worked examples" if leader.examples_passed == 1.0 else "a repaired program that other routes confirm"
    return _failure_case(state, leader, wrong, passed, evidence, wrong.evidence.error or wrong.result, model)


def _overruled(state: State, leader: Candidate, model: str) -> FailureCase | None:
    others = [other for other in state.candidates if other is not leader]
    beaten = [other for other in others if other.routes < leader.routes and other.examples_passed < 1.0]
    if not beaten:
        return None
    wrong, right = beaten[0].steps[-1], leader.steps[-1]
    evidence = f"{leader.routes} independent routes against {beaten[0].routes}"
    return _failure_case(state, leader, wrong, right, evidence, "", model)


def _failure_case(
    state: State, leader: Candidate, wrong: Step, right: Step, evidence: str, complaint: str, model: str
) -> FailureCase:
    from pilotage.memory.learning.failure_cases import FailureCase

    return FailureCase(
        task_id=state.task.id,
        task_prompt=state.task.prompt,
        answer="" if state.task.kind == "program" else leader.text,
        misled=(wrong.program or wrong.text)[-SHOWN:],
        right=(right.program or right.text)[-SHOWN:],
        verified_by=evidence,
        complaint=complaint,
        wrong_answer="" if state.task.kind == "program" else wrong.candidate or "",
        kind=state.task.kind,
        model=model,
        trace_id=state.run,
    )
