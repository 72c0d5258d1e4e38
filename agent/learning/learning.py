"""Learning: what a finished run teaches goes into memory, where public evidence says that its answer is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotage.agent.kit import Kit
from pilotage.agent.learning.recalling import writer_from
from pilotage.agent.state import Candidate, State
from pilotage.agent.trace import Step

if TYPE_CHECKING:
    from pilotage.memory import ConceptDraft, ConceptStore, Provenance
    from pilotage.memory.concept import Status
    from pilotage.memory.learning.distil import SolvedTrace
    from pilotage.memory.learning.failure_cases import FailureCase
    from pilotage.memory.learning.reconcile import Reconciled
    from pilotage.memory.learning.writer import Writer

UNVERIFIED = ""


class Learner:
    """Distils a run into concepts.

    The gate is `Candidate.verified`: a second independent route, or all of the task's own worked examples. A grade
    never opens it, because no grade is ever in a `State`.

    Args:
        store: where concepts go.
        model: name of the model that solved and writes, for provenance.
        pitfalls: also write a lesson where the evidence says that a step misled.
        keep_unverified: keep what an answer without evidence teaches as provisional, until feedback or a later
            success promotes it.
        deliberate: ask the model where the text leaves doubt whether a concept is new; otherwise it is taken for new.
    """

    def __init__(
        self,
        store: ConceptStore,
        model: str,
        *,
        pitfalls: bool = True,
        keep_unverified: bool = False,
        deliberate: bool = True,
    ) -> None:
        self._store = store
        self._model = model
        self._pitfalls = pitfalls
        self._keep_unverified = keep_unverified
        self._deliberate = deliberate

    async def learn(self, state: State, kit: Kit) -> dict[str, str]:
        """Titles of the concepts that the run added, widened or confirmed, by id; empty where it taught nothing."""
        from pilotage.memory.learning.distil import distil
        from pilotage.memory.learning.failure_cases import distil_failure

        leader = state.leader
        if leader is None or not (leader.verified or self._keep_unverified):
            return {}
        writer = writer_from(kit)
        solved = self._solved(state, leader)
        kept: list[Reconciled] = []
        draft = (await distil(solved, writer)).draft
        if draft is not None:
            status: Status = "trusted" if leader.verified else "provisional"
            kept.append(await self._reconcile(draft, solved.provenance, status, writer, state))
        case = failure_case_of(state, leader, self._model) if self._pitfalls else None
        if case is not None:
            lesson = (await distil_failure(case, writer)).draft
            if lesson is not None:
                # Evidence tells what happened; that it will happen again is the writer's opinion.
                kept.append(await self._reconcile(lesson, case.provenance, "provisional", writer, state))
        return {one.id: one.title for one in kept}

    def _solved(self, state: State, leader: Candidate) -> SolvedTrace:
        from pilotage.memory.learning.distil import SolvedTrace

        programs = [step.program for step in leader.steps if step.program]
        return SolvedTrace(
            task_id=state.task.id,
            task_prompt=state.task.prompt,
            kind=state.task.kind,
            program=programs[-1] if programs else None,
            reasoning="\n".join(step.text for step in leader.steps if not step.program),
            answer=leader.text,
            verified_by=_evidence(leader),
            model=self._model,
            trace_id=state.run,
        )

    async def _reconcile(
        self, draft: ConceptDraft, provenance: Provenance, status: Status, writer: Writer, state: State
    ) -> Reconciled:
        from pilotage.memory.learning.reconcile import reconcile

        return await reconcile(
            self._store,
            draft,
            writer if self._deliberate else None,
            provenance=provenance,
            status=status,
            cause=state.task.id,
            run=state.run,
        )


def _evidence(leader: Candidate) -> str:
    if not leader.verified:
        return UNVERIFIED
    return "worked examples" if leader.examples_passed == 1.0 else f"{leader.routes} independent routes"


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
