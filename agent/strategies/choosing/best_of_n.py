"""Best of n: the draw that a scorer puts highest."""

from __future__ import annotations

from pydantic import Field

from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.strategies.base import Strategy
from pilotage.agent.strategies.drawing import Route, draw
from pilotage.agent.strategies.scorers import ScorerName, scored, scorer_named
from pilotage.agent.strategies.voting import by_score
from pilotage.agent.trace import Step


class BestOfN(Strategy):
    """Draws several times and takes the draw that a scorer puts highest.

    Cobbe et al. 2021, 'Training Verifiers to Solve Math Word Problems' (section 4.2), with any scorer for the verifier.

    Tokens: n x (prompt + reply), and n short calls more with a scorer that asks (`judge`, `p-correct`).

    It helps as much as the scorer knows: where a draw is right with probability .3 and right ones score one standard
    deviation higher, the best of 4 is right with .52 and of 16 with .70; where the scorer is blind, with .3 for any n.
    """

    name = "best-of-n"
    exchangeable = True

    n: int = Field(4, ge=1, le=1000, description="draws")
    temperature: float = Field(0.7, gt=0, le=5, description="of every draw")
    route: Route = Field("reason", description="by which way: reason, or program")
    scorer: ScorerName = Field("logprob", description="who chooses")

    @property
    def least_calls(self) -> int:
        return self.n * (1 + scorer_named(self.scorer).calls)

    @property
    def needs_logprobs(self) -> bool:
        return scorer_named(self.scorer).needs_logprobs

    async def run(self, state: State, kit: Kit) -> Step:
        numbers = range(1, self.n + 1)
        drawn = await draw(self.name, state, kit, numbers, route=self.route, temperature=self.temperature)
        scores = await scored(scorer_named(self.scorer), state, kit, drawn.steps)
        return by_score(self, state, kit, drawn, scores, self.scorer)
