"""Remote: a process reward model behind HTTP as a scorer of recorded steps, see `pilotage.agent.models.reward`."""

from __future__ import annotations

import time

from pilotage.agent.banks.recorder import counts
from pilotage.agent.banks.scorers.base import ScoredStep, StepScorer
from pilotage.agent.models.reward import Pooling, RewardModel
from pilotage.agent.models.transport.retry import RetryPolicy
from pilotage.agent.prompting import describe
from pilotage.agent.trace import Usage
from pilotage.navigator.bank.step_scores import StepScore

REMEDY = "check that it runs and run the same command again: what was scored is kept"


class RemoteScorer(StepScorer):
    """A process reward model at an address. Of its scores the last one counts, that of the newest step.

    The arguments are those of `RewardModel`.

    Raises:
        UsageError: the address is none.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str | None = None,
        pooling: Pooling = Pooling(),  # noqa: B008 (frozen)
        timeout: float = 60.0,
        retry: RetryPolicy | None = None,
    ) -> None:
        self._rewards = RewardModel(url, model=model, pooling=pooling, timeout=timeout, retry=retry, remedy=REMEDY)
        self.name = f"remote-{model or 'prm'}"
        self.identity = self._rewards.identity

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
