"""Values: the bank's own step values, which ask nobody (Math-Shepherd, Wang et al. 2024, 'soft estimation')."""

from __future__ import annotations

from pilotage.agent.banks.scorers.base import ScoredStep, StepScorer
from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.bank.step_scores import StepScore
from pilotage.navigator.envs.step_rewards import VALUES, ValueRewards


class ValueScorer(StepScorer):
    """The share of a step's recorded continuations that end right.

    Args:
        bank: the bank; each task is valued when its first step is asked for.
    """

    name = VALUES
    identity = "uniform continuation"
    needs_tasks = False

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._values: dict[str, dict[str, float]] = {}

    async def score(self, step: ScoredStep) -> StepScore:
        """The value of the state that the step led to."""
        task = step.tree.task
        if task not in self._values:
            arrays = BankArrays.of(self._bank, [task])
            values = ValueRewards().rewards(self._bank, arrays).tolist()
            self._values = {task: dict(zip(arrays.ids, values, strict=True))}
        return StepScore(min(1.0, max(0.0, self._values[task][step.node.id])))
