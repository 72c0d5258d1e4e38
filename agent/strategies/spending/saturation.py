"""Saturation: draws until one more is expected to gain less than it costs."""

from __future__ import annotations

import math

from pydantic import Field

from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.strategies.base import Strategy
from pilotage.agent.strategies.drawing import Drawn, Route, draw
from pilotage.agent.strategies.voting import by_vote, votes
from pilotage.agent.trace import Step

FIRST_ROUND = 2


class Saturation(Strategy):
    """Draws until one more is expected to gain less than its price, and takes the answer that most draws came to.

    Wang et al. 2025, 'Scaling over Scaling: Exploring Test-Time Scaling Plateau in Large Reasoning Models' (its model
    of parallel scaling): where a draw succeeds with probability p, n draws succeed with 1 - (1 - p)^n, and the next one
    gains p (1 - p)^n, which falls under a price at n = ln(price / p) / ln(1 - p). Here p is the share of the draws that
    came to the leading answer, which is all that can be known without the right one; the paper fits it to graded runs.

    Tokens: draws x (prompt + reply), `most` of them at most: two draws that agree suffice, 5 where half do (at the
    price of .02).

    It helps to spend less where draws agree. It does not see whether what they agree on is right.
    """

    name = "saturation"
    exchangeable = True

    price: float = Field(0.02, gt=0, lt=1, description="of a draw, as a part of what a right answer is worth")
    most: int = Field(8, ge=1, le=1000, description="draws at most")
    temperature: float = Field(0.7, gt=0, le=5, description="of every draw")
    route: Route = Field("reason", description="by which way: reason, or program")

    @property
    def least_calls(self) -> int:
        return min(self.most, FIRST_ROUND)

    async def run(self, state: State, kit: Kit) -> Step:
        drawn, more = Drawn(), min(self.most, FIRST_ROUND)
        while more > 0 and drawn.limit is None:
            begun = len(drawn.steps)
            numbers = range(begun + 1, begun + 1 + more)
            drawn += await draw(self.name, state, kit, numbers, route=self.route, temperature=self.temperature)
            leader = max(votes(state, drawn.steps).values(), default=0.0)
            enough = saturated_at(leader / max(1, len(drawn.steps)), self.price)
            more = min(self.most, enough) - len(drawn.steps)
        return by_vote(self, state, kit, drawn)


def gain(p: float, n: int) -> float:
    """What one draw more than n is expected to gain: it succeeds where all before it did not."""
    return float(p * (1 - p) ** n)


def saturated_at(p: float, price: float) -> int:
    """The fewest draws after which one more gains less than a price; 0 draws gain nothing, and are never enough.

    Args:
        p: probability that a draw succeeds; of 0 nothing is known, and one more draw is always worth it.
        price: of a draw, above 0.
    """
    if p <= 0:
        return 2**31
    if p >= 1 or p < price:
        return 1
    n = max(1, math.ceil(math.log(price / p) / math.log(1 - p)))
    return n if gain(p, n) < price else n + 1
