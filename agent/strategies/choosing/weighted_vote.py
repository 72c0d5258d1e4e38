"""Weighted vote: the answer whose draws have the greatest sum of scores."""

from __future__ import annotations

from pydantic import Field

from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.strategies.base import Strategy
from pilotage.agent.strategies.drawing import Route, draw
from pilotage.agent.strategies.scorers import ScorerName, scored, scorer_named
from pilotage.agent.strategies.voting import by_vote
from pilotage.agent.trace import Step


class WeightedVote(Strategy):
    """Draws several times and takes the answer whose draws have the greatest sum of scores.

    Li et al. 2023, 'Making Language Models Better Reasoners with Step-Aware Verifier' (section 3.2, voting verifier);
    with `scorer=agreement` or scores that hardly differ it is self-consistency.

    Tokens: n x (prompt + reply), and n short calls more with a scorer that asks (`judge`, `p-correct`).

    It helps where the scorer knows more than chance; a weak scorer costs less here than in `best-of-n`, since no single
    score decides.
    """

    name = "weighted-vote"
    exchangeable = True

    n: int = Field(8, ge=1, le=1000, description="draws")
    temperature: float = Field(0.7, gt=0, le=5, description="of every draw")
    route: Route = Field("reason", description="by which way: reason, or program")
    scorer: ScorerName = Field("logprob", description="who weighs a draw")

    @property
    def least_calls(self) -> int:
        return self.n * (1 + scorer_named(self.scorer).calls)

    @property
    def needs_logprobs(self) -> bool:
        return scorer_named(self.scorer).needs_logprobs

    async def run(self, state: State, kit: Kit) -> Step:
        numbers = range(1, self.n + 1)
        drawn = await draw(self.name, state, kit, numbers, route=self.route, temperature=self.temperature)
        return by_vote(self, state, kit, drawn, await scored(scorer_named(self.scorer), state, kit, drawn.steps))
