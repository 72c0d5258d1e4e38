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
from pilotage.navigator.bank.records import Node, Tree
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
        UsageError: a task of the bank is missing, shows something else than when it was recorded, has no grader that is
            there, or could not be graded.
        BankError: a score that was recorded, of an answer or of a candidate, is not the one that its grader gives now;
            or the bank does not take the scores.

    What was recorded is compared before anything is written: tasks that do not fit leave the bank as it was. A grader
    that fails later, at a candidate of which nothing was recorded, leaves the tasks before with their scores.
    """
    require_recorded(bank, tasks)
    waiting: list[_Grading] = []
    so_far = Graded()
    trees = [_Grading(tree, tasks[tree.task], sandbox) for tree in map(bank.tree, bank.tasks)]
    for tree in trees:
        so_far.candidates += tree.candidates
        so_far.known += tree.candidates - tree.missing
        if tree.candidates and grader_for(tree.task, sandbox) is None:
            raise UsageError(f"task {tree.task.id} has no gold answer: give it as when the bank was recorded")
        if tree.missing:
            waiting.append(tree)
    on_task(so_far)
    for tree in trees:
        await tree.compare()
    for tree in waiting:
        scores = await tree.scores()
        writer.grade(tree.task.id, scores)
        so_far.tasks += 1
        so_far.new += len(scores)
        so_far.right += sum(scores.values())
        on_task(so_far)
    return so_far


class _Grading:
    """The candidates of one task, each of which is graded once.

    Attributes:
        task: with its hidden part.
        candidates: how many there are.
        missing: how many have no score.
    """

    def __init__(self, tree: Tree, task: Task, sandbox: Sandbox | None) -> None:
        self.task = task
        self._nodes = [node for node in tree if node.candidate is not None]
        self._sandbox = sandbox
        self._scores: dict[str, float] = {}
        self.candidates = len(self._nodes)
        self.missing = sum(node.candidate_score is None for node in self._nodes)

    async def compare(self) -> None:
        """Raises BankError where a recorded score is not the one that the grader gives now."""
        for node in self._nodes:
            if node.candidate == node.answer:
                await self._require(node, "answers its candidate, which", node.score)
            if node.candidate_score is not None:
                await self._require(node, "has a candidate that", node.candidate_score)

    async def scores(self) -> dict[str, float]:
        """The scores of the candidates that have none, by node id."""
        return {node.id: await self._score(node) for node in self._nodes if node.candidate_score is None}

    async def _require(self, node: Node, what: str, recorded: float) -> None:
        score = await self._score(node)
        if score != recorded:
            raise BankError(
                f"node {node.id!r} of task {self.task.id!r} {what} scored {recorded:g} when recorded and scores "
                f"{score:g} now: give the tasks and graders that the bank was recorded with"
            )

    async def _score(self, node: Node) -> float:
        candidate = node.candidate
        assert candidate is not None  # others are not looked at
        if candidate not in self._scores:
            score = await score_of(self.task, candidate, self._sandbox)
            assert score is not None  # every task here has a grader
            self._scores[candidate] = score
        return self._scores[candidate]
