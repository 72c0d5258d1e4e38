"""Credit of a run: which of the recalled concepts it followed, and what public evidence says came of that.

A concept is *followed* by a step that was shown it and that has at least half of its marks: for a program sketch the
calls, attributes, imports, slices and rarer operators that the step's program has too (plain arithmetic only where a
sketch has nothing else); for worded advice the stems of its content words that do not stand in the task. It tells use
from neglect, not from coincidence: a model may write the same without the hint. The holdout measures what hints are
worth.

It *helped* where a step that followed it reached the verified answer. It *harmed* where no such step did, and one of
them failed to run, failed a worked example, or was overruled by a verified answer. A grade is never seen here.
"""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pilotage.agent.errors import UsageError
from pilotage.agent.experience.records import Records
from pilotage.agent.experience.undoing import FEEDBACK, undo_run
from pilotage.agent.run import Run
from pilotage.agent.state import State
from pilotage.agent.trace import Step
from pilotage.memory.errors import AlreadyUndone, UnknownConcept, UnknownEvent
from pilotage.memory.text.words import content_words, stem

if TYPE_CHECKING:
    from pilotage.memory import Concept, ConceptStore
    from pilotage.memory.edits.credit import Outcome
    from pilotage.memory.ledger.ledger import Event

FOLLOWED_SHARE = 0.5
_ARITHMETIC = frozenset({"Add", "Sub", "Mult", "Div", "Eq"})


class Creditor:
    """Finds what came of the concepts that a run was shown, and records it, unless memory is read only."""

    def __init__(self, store: ConceptStore, *, record: bool = True) -> None:
        self._store = store
        self._record = record

    async def credit(self, state: State) -> tuple[str, ...]:
        """Ids of the concepts that the run followed. A run that is credited again is counted once all the same."""
        return await asyncio.to_thread(self._credit, state)

    def _credit(self, state: State) -> tuple[str, ...]:
        shown = (*state.trace.hints, *state.trace.recalled.withheld)
        outcomes = judge(state, still_there(self._store, (hint.concept_id for hint in shown)))
        if self._record and outcomes:
            self._store.record_outcomes(outcomes, actor="agent", cause=state.task.id, run=state.run)
        return tuple(id_ for id_, names in outcomes.items() if "followed" in names)


def still_there(store: ConceptStore, ids: Iterable[str]) -> dict[str, Concept]:
    """The concepts of these ids but those that somebody has undone since: nothing is left of them to judge."""
    concepts = {}
    for id_ in ids:
        try:
            concepts[id_] = store.get(id_)
        except UnknownConcept:
            continue
    return concepts


def judge(state: State, concepts: Mapping[str, Concept]) -> dict[str, tuple[Outcome, ...]]:
    """What came of the concepts that a run was shown, or that its control group kept from it, by id."""
    leader = state.leader
    verified = leader is not None and leader.verified
    backed = leader.steps if leader is not None and verified else ()
    outcomes: dict[str, tuple[Outcome, ...]] = {}
    for hint in state.trace.recalled.withheld:
        if hint.concept_id in concepts:
            outcomes[hint.concept_id] = ("withheld", "withheld_solved") if verified else ("withheld",)
    for hint in state.trace.hints:
        if hint.concept_id not in concepts:
            continue
        concept = concepts[hint.concept_id]
        using = [step for step in _shown_to(state, hint.concept_id) if follows(step, concept, state.task.about)]
        names: list[Outcome] = ["recalled"]
        if verified:
            names.append("recalled_solved")
        if using:
            names.append("followed")
        if any(step in backed for step in using):
            names.append("helped")
        elif any(_failed(step) or (verified and step.candidate is not None) for step in using):
            names.append("harmed")
        outcomes[hint.concept_id] = tuple(names)
    return outcomes


def follows(step: Step, concept: Concept, task_text: str) -> bool:
    """Whether a step shows the use of a concept: it has at least half of the concept's marks."""
    marks = program_marks("\n".join(concept.implementation))
    if marks is not None:
        present = program_marks(step.program) if step.program else None
        marks -= {mark for mark in marks if mark in task_text}
        marks = marks - _ARITHMETIC or marks  # nearly every program does it, so it tells only where nothing else can
    else:
        marks = word_marks([*concept.implementation, *concept.cues]) - word_marks([task_text])
        present = word_marks([step.text])
    if not marks or not present:
        return False
    return len(marks & present) >= FOLLOWED_SHARE * len(marks)


def program_marks(source: str) -> set[str] | None:
    """What a program does, whatever its variables are called; None where the text is no program."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    if not any(isinstance(node, ast.Call | ast.Assign | ast.FunctionDef | ast.For) for node in ast.walk(tree)):
        return None  # a single word is valid Python too
    marks: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) | ast.Call(func=ast.Name(id=name)):
                marks.add(name)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                marks.update(alias.name for alias in names)
            case ast.Slice():
                marks.add(f"[{ast.unparse(node)}]" if _is_constant(node) else "[:]")
            case ast.operator() | ast.cmpop() | ast.unaryop():
                marks.add(type(node).__name__)
            case ast.ListComp() | ast.GeneratorExp() | ast.While():
                marks.add(type(node).__name__)
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return marks - own - {"print"}


def word_marks(texts: Iterable[str]) -> set[str]:
    """Stems of the content words of some texts."""
    words = (word for text in texts for word in content_words(text))
    return {stem(word) for word in words if len(word) > 3 and re.fullmatch(r"[^\W\d]+", word)}


def _is_constant(node: ast.Slice) -> bool:
    parts = [part for part in (node.lower, node.upper, node.step) if part is not None]
    return bool(parts) and all(isinstance(part, ast.Constant | ast.UnaryOp) for part in parts)


def _shown_to(state: State, concept_id: str) -> Sequence[Step]:
    """The steps whose prompt had the concept in it."""
    steps = state.trace.steps
    if any(hint.concept_id == concept_id for hint in state.trace.recalled.hints):
        return steps
    for place, step in enumerate(steps):
        if any(hint.concept_id == concept_id for hint in step.hints):
            return steps[place + 1 :]
    return ()


def _failed(step: Step) -> bool:
    passed = step.evidence.examples_passed
    return step.evidence.program == "failed" or (passed is not None and passed < 1)


ACTOR = "user"


async def give_feedback(store: ConceptStore | None, run: Run, helped: bool) -> None:
    """Records whether a run's answer was good; saying it again changes nothing, the opposite takes the first back.

    `store.undo_run("feedback:ID")` takes it back.

    Good: the concepts that it followed count as having helped, and those that it taught are trusted from now on. Bad:
    those that it followed count as having harmed, and what it taught is retired, however sure the run was of it, unless
    something besides the run supports it: it was taught again, has helped, or a person has vouched for it.

    Raises:
        UsageError: there is no memory, or the run has no id.
        StaleConcept: what the first said cannot be taken back, since something that came later depends on it.
    """
    if store is None:
        raise UsageError("this agent has no memory that feedback could reach: give it one (`memory=`)")
    if not run.id:
        raise UsageError("the run has no id, so feedback on it could count twice: pass the run that `solve` returned")
    await asyncio.to_thread(record_feedback, store, run, helped)


class Credited(Protocol):
    """What of a run feedback has to know; a `Run` is one, and so is a `CreditedTurn`."""

    @property
    def id(self) -> str:
        """Names the run."""
        ...

    @property
    def task_id(self) -> str:
        """Of its task."""
        ...

    @property
    def followed(self) -> tuple[str, ...]:
        """Ids of the concepts that it followed."""
        ...

    @property
    def learned(self) -> tuple[str, ...]:
        """Ids of those that it wrote."""
        ...


@dataclass(frozen=True)
class CreditedTurn:
    """A turn of somebody else's agent, of which memory knows what it followed."""

    id: str
    task_id: str
    followed: tuple[str, ...]
    learned: tuple[str, ...] = ()


def feedback_run(run_id: str) -> str:
    """The name by which memory's history knows feedback on a run."""
    return f"{FEEDBACK}{run_id}"


def take_back(store: ConceptStore, run: Credited) -> bool:
    """Takes back what feedback on a run has changed; whether anything of it still counted.

    Raises:
        StaleConcept: something that came later depends on it.
    """
    with suppress(UnknownEvent, AlreadyUndone):
        undo_run(store, feedback_run(run.id), actor=ACTOR, cause=run.task_id)
        return True
    return False


def record_feedback(store: ConceptStore, run: Credited, helped: bool) -> bool:
    """What `give_feedback` does, in the caller's thread; whether it changed anything."""
    name = feedback_run(run.id)
    before = store.events(None, run=name)
    changed = any(_says(event, not helped) for event in before) and take_back(store, run)
    outcome: Outcome = "helped" if helped else "harmed"
    present = still_there(store, (*run.followed, *run.learned)).values()
    credited = {concept.id: (outcome,) for concept in present if concept.id in run.followed}
    if credited:
        store.record_outcomes(credited, actor=ACTOR, cause=run.task_id, run=name)
    taught = [concept for concept in present if concept.id in run.learned and concept.id not in credited]
    if helped:
        provisional = [concept.id for concept in taught if concept.status == "provisional"]
        store.promote(provisional, actor=ACTOR, cause=run.task_id, run=name)
    else:
        for id_ in [concept.id for concept in taught if _stands_on(store.get(concept.id), run.id)]:
            store.forget(id_, actor=ACTOR, cause=run.task_id, run=name)
    withheld = isinstance(run, Run) and run.abstained  # nobody saw the answer
    heard = not withheld and Records(store).judge(run.id, float(helped), "feedback")
    return changed or heard or len(store.events(None, run=name)) > len(before)


def _stands_on(concept: Concept, run: str) -> bool:
    """Whether nothing supports a concept but the run that taught it; another run's is not this one's to retire."""
    supported = concept.seen > 1 or concept.outcomes.helped > 0 or concept.vouched
    own = concept.provenance.trace_id == run
    return own and (concept.status == "provisional" or (concept.status == "trusted" and not supported))


def learn_correction(store: ConceptStore, run: Credited, correction: str) -> tuple[str | None, str]:
    """Id of the lesson that a correction of a run becomes, and why it becomes none. It counts as feedback on the run.

    Raises:
        ConceptStoreError: the memory cannot be written.
    """
    from pilotage.memory import Provenance
    from pilotage.memory.learning.correction import correction_lesson

    distilled = correction_lesson(correction)
    if distilled.draft is None:
        return None, "; ".join(distilled.rejected)
    origin = Provenance(task_id=run.task_id[:200], trace_id=run.id)
    (made,) = store.propose(
        [distilled.draft], provenance=origin, actor=ACTOR, cause=run.task_id, run=feedback_run(run.id)
    )
    return made.id, ""


def _says(event: Event, helped: bool) -> bool:
    """Whether an event of feedback stands for that verdict."""
    if event.action == "outcome":
        return ("helped" if helped else "harmed") in event.body.get("outcomes", ())
    return event.action == ("promoted" if helped else "retired")
