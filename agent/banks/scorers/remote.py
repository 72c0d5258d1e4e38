"""Remote: a process reward model behind HTTP as a scorer of recorded steps, see `pilotage.agent.models.reward`."""

from __future__ import annotations

import time

from pilotage.agent.banks.recorder import counts
from pilotage.agent.banks.scorers.base import ScoredStep, StepScorer
from pilotage.agent.models.reward import RewardModel
from pilotage.agent.prompting import describe
from pilotage.agent.trace import Usage
from pilotage.navigator.bank.step_scores import StepScore

REMEDY = "check that it runs and run the same command again: what was scored is kept"


class RemoteScorer(StepScorer):
    """A process reward model at an address. Of its scores the last one counts, that of the newest step.

    Args:
        rewards: the reward model. It is this scorer's from then on, which closes it, and has it tell of failures that
            what was scored is kept.
    """

    def __init__(self, rewards: RewardModel) -> None:
        self._rewards, rewards.remedy = rewards, REMEDY
        self.name = f"remote-{rewards.model or 'prm'}"
        self.identity = rewards.identity

    async def score(self, step: ScoredStep) -> StepScore:
        """The reward model's score. A silent step is not asked about.

        Raises:
            ScorerUnavailable: the endpoint could not be reached, or refused; a `StepRefused` where it may score others.
            BadScores: it answered with something else than a score for each step.
        """
        if not step.node.text.strip() or step.task is None:
            return StepScore(None)
        started = time.perf_counter()
        rewards = await self._rewards.scores(describe(step.task), step.texts)
        usage = Usage(prompt_tokens=rewards.prompt_tokens, llm_calls=1, seconds=time.perf_counter() - started)
        return StepScore(rewards.scores[-1], counts(usage))

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._rewards.aclose()
