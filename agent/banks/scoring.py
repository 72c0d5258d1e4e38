"""Scoring: a scorer goes over the steps of a bank, and each score is on disk before the next is begun in its place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from pilotage.agent.banks.fingerprints import require_recorded
from pilotage.agent.banks.scorers.base import ScoredStep, StepScorer
from pilotage.agent.batch.workers import Refusals, at_once
from pilotage.agent.errors import StepRefused
from pilotage.agent.task import Task
from pilotage.agent.trace import Usage
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.bank.step_scores import StepScore, StepScoreWriter, step_hash


@dataclass
class Scored:
    """How far a scoring is: steps in all, those that had a score before, new ones, unknown ones, and the cost.

    `refused` are the steps that the scorer would not score, as task and node, and why; they have no score yet.
    """

    steps: int = 0
    known: int = 0
    new: int = 0
    unknown: int = 0
    usage: Usage = field(default_factory=Usage)
    refused: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, score: StepScore) -> None:
        """Counts one more score."""
        self.new += 1
        self.unknown += score.value is None
        self.usage += Usage.model_validate(dict(score.usage))


async def score_bank(
    bank: Bank,
    scorer: StepScorer,
    writer: StepScoreWriter,
    tasks: Mapping[str, Task] | None = None,
    *,
    concurrency: int = 1,
    on_step: Callable[[Scored], None] = lambda so_far: None,
) -> Scored:
    """Scores every step of a bank that the file holds no score of, `concurrency` at a time.

    A step that the scorer refuses is left for another time, and the others go on, until it refuses one after another.
    The tasks are those of the bank by id, as they were when it was recorded; a scorer that reads none needs none.
    `on_step` is called with each score and at the start.

    Raises:
        UsageError: a task of the bank is missing, or shows something else than when it was recorded.
        PilotageError: the scorer failed; what was scored is kept.
    """
    shown = {id: task.public() for id, task in (tasks or {}).items()}
    if scorer.needs_tasks:
        require_recorded(bank, shown)
    so_far = Scored()
    waiting = list(_missing(bank, writer, shown, so_far))
    on_step(so_far)
    steps, refusals = iter(waiting), Refusals("steps")

    async def work() -> None:
        for step, digest in steps:
            try:
                score = await scorer.score(step)
            except StepRefused as error:
                so_far.refused[step.tree.task, step.node.id] = str(error)
                refusals.refused(error)
                continue
            refusals.answered()
            await asyncio.to_thread(writer.add, step.tree.task, step.node.id, digest, score)
            so_far.add(score)
            on_step(so_far)

    try:
        await at_once(work, min(concurrency, len(waiting)))
    finally:
        await scorer.aclose()
    return so_far


def _missing(
    bank: Bank, writer: StepScoreWriter, tasks: Mapping[str, Task], so_far: Scored
) -> Iterator[tuple[ScoredStep, str]]:
    for id in bank.tasks:
        tree = bank.tree(id)
        for node in tree:
            if node.parent is None:
                continue
            digest = step_hash(tree, node)
            so_far.steps += 1
            if writer.has(id, node.id, digest):
                so_far.known += 1
            else:
                yield ScoredStep(tree, node, tasks.get(id)), digest
