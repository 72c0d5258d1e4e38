"""Grading: what the candidates of a bank's nodes score, each by its task's own grader, without a call of a model.

Where several candidates compete, most are nowhere the answer, so what stopping scores does not tell which to choose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilotage.agent.banks.fingerprints import require_recorded
from pilotage.agent.banks.stepwise import StopOutcome
from pilotage.agent.errors import UsageError
from pilotage.agent.task import Task
from pilotage.agent.tasks.grading import grader_for, score_of
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.bank.records import Tree
from pilotage.navigator.bank.writer import BankWriter
from pilotage.navigator.errors import BankError

if TYPE_CHECKING:
    from pilotage.agent.sandbox import Sandbox


async def score_of_candidate(
    task: Task, candidate: str | None, stopping: StopOutcome | None, sandbox: Sandbox | None
) -> float | None:
    """The score of a step's candidate; None where there is none. One that is the answer has the answer's.

    Args:
        task: the task with its hidden part.
        candidate: what the step reached.
        stopping: what stopping there gives; None where nobody asked.
        sandbox: for graders that run programs.

    Raises:
        UsageError: the task's grader is not there, or could not grade.
    """
    if candidate is None:
        return None
    if stopping is not None and candidate == stopping.answer:
        return stopping.score
    return await score_of(task, candidate, sandbox)


@dataclass
class Graded:
    """How far a grading is.

    Attributes:
        candidates: of all nodes.
        known: how many had a score before.
        new: how many got one now.
        tasks: how many tasks these are of.
        right: sum of the new scores.
    """

    candidates: int = 0
    known: int = 0
    new: int = 0
    tasks: int = 0
    right: float = 0.0


async def grade_bank(
    bank: Bank,
    writer: BankWriter,
    tasks: Mapping[str, Task],
    sandbox: Sandbox | None = None,
    *,
    on_task: Callable[[Graded], None] = lambda so_far: None,
) -> Graded:
    """Grades every candidate of a bank that has no score; those of a task are on disk before the next is begun.

    Args:
        bank: the bank that `writer` writes to.
        writer: holds the bank for this process.
        tasks: those of the bank by id, with their hidden parts, as they were when it was recorded.
        sandbox: for graders that run programs.
        on_task: called at the start and after each task.

    Raises:
        UsageError: a task of the bank is missing, shows something else than when it was recorded, or has no grader that
            is there; nothing was written. Or a grader could not grade; the tasks before have their scores.
        BankError: a candidate is the answer of its node, but its grade is not the score that was recorded for it; or
            the bank does not take the scores. The tasks before have theirs.
    """
    require_recorded(bank, tasks)
    waiting: list[Tree] = []
    so_far = Graded()
    for tree in map(bank.tree, bank.tasks):
        candidates = [node for node in tree if node.candidate is not None]
        missing = sum(node.candidate_score is None for node in candidates)
        so_far.candidates += len(candidates)
        so_far.known += len(candidates) - missing
        if missing:
            waiting.append(tree)
            if grader_for(tasks[tree.task], sandbox) is None:
                raise UsageError(f"task {tree.task} has no gold answer: give it as when the bank was recorded")
    on_task(so_far)
    for tree in waiting:
        scores = await _scores(tree, tasks[tree.task], sandbox)
        writer.grade(tree.task, scores)
        so_far.tasks += 1
        so_far.new += len(scores)
        so_far.right += sum(scores.values())
        on_task(so_far)
    return so_far


async def _scores(tree: Tree, task: Task, sandbox: Sandbox | None) -> dict[str, float]:
    """The scores of a tree's ungraded candidates, by node id."""
    graded: dict[str, float | None] = {}
    scores: dict[str, float] = {}
    for node in tree:
        if node.candidate is None or node.candidate_score is not None:
            continue
        if node.candidate not in graded:
            graded[node.candidate] = await score_of(task, node.candidate, sandbox)
        score = graded[node.candidate]
        assert score is not None  # every task here has a grader
        if node.candidate == node.answer and score != node.score:
            raise BankError(
                f"node {node.id!r} of task {tree.task!r} answers its candidate, which scored {node.score:g} when "
                f"recorded and scores {score:g} now: give the tasks and graders that the bank was recorded with"
            )
        scores[node.id] = score
    return scores
