"""Weighted vote: the answer whose draws have the greatest sum of scores."""

from __future__ import annotations

from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.strategies.choosing.scored_draws import ScoredDraws
from pilotage.agent.strategies.voting import by_vote
from pilotage.agent.trace import Step


class WeightedVote(ScoredDraws):
    """Draws several times and takes the answer whose draws have the greatest sum of scores.

    Li et al. 2023, 'Making Language Models Better Reasoners with Step-Aware Verifier' (voting verifier); with
    `scorer=agreement` or scores that hardly differ it is self-consistency.

    Tokens: n x (prompt + reply), and n short calls more with a scorer that asks (`judge`, `p-correct`).

    It helps where the scorer knows more than chance; a weak scorer costs less here than in `best-of-n`, since no single
    score decides.
    """

    name = "weighted-vote"

    async def run(self, state: State, kit: Kit) -> Step:
        drawn, scores = await self.drawn(state, kit)
        return by_vote(self, state, kit, drawn, scores)
