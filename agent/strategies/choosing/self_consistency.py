"""Self-consistency: draw several times, and let the answers vote."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.strategies.base import Strategy
from pilotage.agent.strategies.drawing import Drawn, Route, draw
from pilotage.agent.strategies.scorers import ScorerName, scored, scorer_named
from pilotage.agent.strategies.voting import by_vote, draws_until_settled, votes
from pilotage.agent.trace import Step

PLAIN = "plain"
FIRST_ROUND = 2
"""Draws of the first round of `stop=adaptive`; each round doubles what is drawn."""


class SelfConsistency(Strategy):
    """Draws several times and takes the answer that most draws came to.

    Wang et al. 2023, 'Self-Consistency Improves Chain of Thought Reasoning' (no official code); with `stop=beta`
    Adaptive-Consistency (Aggarwal et al. 2023, github.com/Pranjal2041/AdaptiveConsistency, whose threshold is .95 too).
    Both draw up to 40 times; most of the gain is there at 5 to 10, which fits a run's budget.

    Tokens: n x (prompt + reply) at most; `stop` saves a part of them where the draws agree.

    It helps where a draw is right more often than any one wrong answer is drawn, and hurts where it is not: for a
    binary question and draws that are right with probability .6, 33 draws are right with .879, and for .4 with .121.
    """

    name = "self-consistency"
    exchangeable = True

    n: int = Field(8, ge=1, le=1000, description="draws at most")
    temperature: float = Field(0.7, gt=0, le=5, description="of every draw")
    route: Route = Field("reason", description="by which way: reason, or program")
    weight: Literal["plain"] | ScorerName = Field("plain", description="of a vote: plain, or a scorer's score")
    stop: Literal["none", "adaptive", "beta"] = Field(
        "none", description="draw n at once; in doubling rounds until a share agrees; until the leader is sure to stay"
    )
    share: float = Field(0.75, gt=0.5, le=1, description="of the answers that agree, at which stop=adaptive ends")
    sure: float = Field(0.95, gt=0.5, lt=1, description="probability of the leader to stay, above which stop=beta ends")

    @property
    def least_calls(self) -> int:
        return self.n if self.stop == "none" else min(self.n, FIRST_ROUND)

    @property
    def needs_logprobs(self) -> bool:
        return self.weight != PLAIN and scorer_named(self.weight).needs_logprobs

    async def run(self, state: State, kit: Kit) -> Step:
        drawn = Drawn()
        while drawn.limit is None and (more := self._more(state, drawn)):
            numbers = range(len(drawn.steps) + 1, len(drawn.steps) + 1 + more)
            drawn += await draw(self.name, state, kit, numbers, route=self.route, temperature=self.temperature)
        if self.weight == PLAIN:
            return by_vote(self, state, kit, drawn)
        scores = await scored(scorer_named(self.weight), state, kit, drawn.steps)
        return by_vote(self, state, kit, drawn, scores)

    def _more(self, state: State, drawn: Drawn) -> int:
        """How many draws the next round has; 0 to stop."""
        counts = list(map(int, votes(state, drawn.steps).values()))
        left, leader = self.n - len(drawn.steps), max(counts, default=0)
        if self.stop == "none":
            return left
        if self.stop == "beta":
            return min(left, draws_until_settled(counts, self.sure))
        agreed = leader >= FIRST_ROUND and leader >= self.share * sum(counts)
        return 0 if agreed else min(left, len(drawn.steps) or FIRST_ROUND)
