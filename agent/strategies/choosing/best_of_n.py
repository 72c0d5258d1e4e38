"""Best of n: the draw that a scorer puts highest."""

from __future__ import annotations

from pydantic import Field

from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.strategies.choosing.scored_draws import ScoredDraws
from pilotage.agent.strategies.voting import by_score
from pilotage.agent.trace import Step


class BestOfN(ScoredDraws):
    """Draws several times and takes the draw that a scorer puts highest.

    Cobbe et al. 2021, 'Training Verifiers to Solve Math Word Problems', with any scorer for the verifier.

    Tokens: n x (prompt + reply), and n short calls more with a scorer that asks (`judge`, `p-correct`).

    It helps as much as the scorer knows: where a draw is right with probability .3 and right ones score one standard
    deviation higher, the best of 4 is right with .52 and of 16 with .70; where the scorer is blind, with .3 for any n.
    Scores that hardly differ leave it to the votes.
    """

    name = "best-of-n"

    n: int = Field(4, ge=1, le=1000, description="draws")

    async def run(self, state: State, kit: Kit) -> Step:
        drawn, scores = await self.drawn(state, kit)
        return by_score(self, state, kit, drawn, scores, self.scorer)
