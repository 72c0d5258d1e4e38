"""Scored draws: what the strategies share that draw whole solutions at once and have each scored."""

from __future__ import annotations

from pydantic import Field

from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.strategies.base import Strategy
from pilotage.agent.strategies.drawing import Drawn, Route, draw
from pilotage.agent.strategies.scorers import ScorerName, scored, scorer_named


class ScoredDraws(Strategy):
    """A strategy of n independent draws, each of which a scorer is asked about."""

    exchangeable = True

    n: int = Field(8, ge=1, le=1000, description="draws")
    temperature: float = Field(0.7, gt=0, le=5, description="of every draw")
    route: Route = Field("reason", description="by which way: reason, or program")
    scorer: ScorerName = Field("logprob", description="who scores a draw")

    @property
    def least_calls(self) -> int:
        return self.n * (1 + scorer_named(self.scorer).calls)

    @property
    def needs_logprobs(self) -> bool:
        return scorer_named(self.scorer).needs_logprobs

    async def drawn(self, state: State, kit: Kit) -> tuple[Drawn, tuple[float | None, ...]]:
        """The draws, and the score of each, 0 to 1."""
        numbers = range(1, self.n + 1)
        found = await draw(self.name, state, kit, numbers, route=self.route, temperature=self.temperature)
        return found, await scored(scorer_named(self.scorer), state, kit, found.steps)
