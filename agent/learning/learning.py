"""Learning: what a finished run teaches goes into memory, as trusted where public evidence backs its answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from pilotage.agent.kit import Kit
from pilotage.agent.learning.recalling import writer_from
from pilotage.agent.prompting import content_fingerprint
from pilotage.agent.state import Candidate, State
from pilotage.agent.trace import Step
from pilotage.memory.learning.distil import SolvedTrace, distil
from pilotage.memory.learning.failure_cases import FailureCase, distil_failure
from pilotage.memory.learning.reconcile import reconcile

if TYPE_CHECKING:
    from pilotage.memory import ConceptDraft, ConceptStore, Provenance
    from pilotage.memory.concept import Status
    from pilotage.memory.learning.writer import Writer

Form = Literal["program", "lesson"]
"""What a solved task teaches: its program where it has one, or a lesson in words."""
SHOWN = 1200
"""Characters of a failed and of a right attempt that a lesson is written from."""
_FENCED = re.compile(r"```.*?(?:```|\Z)", re.S)


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
        form: `program` keeps the program that solved a task, generalised, where one did; `lesson` what was said of it
            in words, as ArcMemo's open-ended lessons are (section 3).
        deliberate: ask the model where the text leaves doubt whether a concept is new; otherwise it is taken for new.
    """

    def __init__(
        self,
        store: ConceptStore,
        model: str,
        *,
        pitfalls: bool = True,
        keep_unverified: bool = False,
        form: Form = "program",
        deliberate: bool = True,
    ) -> None:
        self._store = store
        self._model = model
        self._pitfalls = pitfalls
        self._keep_unverified = keep_unverified
        self._form = form
        self._deliberate = deliberate

    async def learn(self, state: State, kit: Kit, *, on_trial: bool = False) -> dict[str, str]:
        """Titles of the concepts that the run added, widened or confirmed, by id; empty where it taught nothing.

        Args:
            state: the run at its end.
            kit: which pays.
            on_trial: whether an answer without evidence teaches, too: something provisional.
        """
        leader = state.leader
        if leader is None or not (leader.verified or self._keep_unverified or on_trial):
            return {}
        writer, titles = writer_from(kit), dict[str, str]()
        solved = self._solved(state, leader)
        draft = (await distil(solved, writer)).draft
        if draft is not None:
            status: Status = "trusted" if leader.verified else "provisional"
            titles |= await self._keep(draft, solved.provenance, status, writer, state)
        case = self._failure_case(state, leader) if self._pitfalls and leader.verified else None
        lesson = None if case is None else (await distil_failure(case, writer)).draft
        if case is not None and lesson is not None:
            # Evidence tells what happened; that it will happen again is the writer's opinion.
            titles |= await self._keep(lesson, case.provenance, "provisional", writer, state)
        return titles

    async def _keep(
        self, draft: ConceptDraft, provenance: Provenance, status: Status, writer: Writer, state: State
    ) -> dict[str, str]:
        kept = await reconcile(
            self._store,
            draft,
            writer if self._deliberate else None,
            provenance=provenance,
            status=status,
            cause=state.task.id,
            run=state.run,
        )
        return {kept.id: kept.title}

    def _origin(self, state: State) -> dict[str, Any]:
        task = state.task
        return {
            "task_id": task.id,
            "shown": content_fingerprint(task),
            "task_prompt": task.about,
            "kind": task.kind,
            "model": self._model,
            "trace_id": state.run,
        }

    def _solved(self, state: State, leader: Candidate) -> SolvedTrace:
        in_words = self._form == "lesson"
        programs = [] if in_words else [step.program for step in leader.steps if step.program]
        said = [step.text for step in leader.steps if in_words or not step.program]
        texts = [_FENCED.sub("", text).strip() for text in said] if in_words else said
        by_examples = leader.examples_passed == 1.0
        evidence = "worked examples" if by_examples else f"{leader.routes} independent routes"
        return SolvedTrace(
            program=programs[-1] if programs else None,
            reasoning="\n".join(texts),
            answer=leader.text,
            verified_by=evidence if leader.verified else "",
            **self._origin(state),
        )

    def _failure_case(self, state: State, leader: Candidate) -> FailureCase | None:
        """The newest failure case that the evidence for `leader` tells of; None where there is none.

        A program that failed, by an error or on the task's worked examples, and a later one of the leader's that
        passed; or a route to another answer that at least two independent routes overruled.
        """

        def case(wrong: Step, right: Step, evidence: str, complaint: str) -> FailureCase:
            has_answer = state.task.kind != "program"
            return FailureCase(
                answer=leader.text if has_answer else "",
                misled=(wrong.program or wrong.text)[-SHOWN:],
                right=(right.program or right.text)[-SHOWN:],
                verified_by=evidence,
                complaint=complaint,
                wrong_answer=wrong.candidate or "" if has_answer else "",
                **self._origin(state),
            )

        steps = state.trace.steps
        passed = next((step for step in leader.steps if step.program and step.evidence.program == "ok"), None)
        before = steps[: steps.index(passed)] if passed is not None else ()
        failed = [step for step in before if step.program and step.evidence.program == "failed"]
        if passed is not None and failed:
            by_examples = leader.examples_passed == 1.0
            evidence = "worked examples" if by_examples else "a repaired program that other routes confirm"
            return case(failed[-1], passed, evidence, failed[-1].evidence.error or failed[-1].result)
        for other in state.candidates:
            if other is not leader and other.routes < leader.routes and other.examples_passed < 1.0:
                evidence = f"{leader.routes} independent routes against {other.routes}"
                return case(other.steps[-1], leader.steps[-1], evidence, "")
        return None
