"""RPC: answers weighed by the probabilities of the distinct paths to them, once improbable paths are left out."""

from __future__ import annotations

import math
from statistics import fmean

from pydantic import Field

from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.strategies.base import Strategy
from pilotage.agent.strategies.choosing.weibull import FEWEST, fitted
from pilotage.agent.strategies.drawing import Route, chosen, draw
from pilotage.agent.strategies.voting import elected, votes
from pilotage.agent.trace import Step


class ReasoningPruningConsistency(Strategy):
    """Sums the probabilities of the distinct paths to each answer, without paths that look improbable.

    Zhou et al. 2025, 'Bridging Internal Probability and Self-Consistency for Effective and Efficient LLM Reasoning'
    (Perplexity Consistency and Reasoning Pruning). A path is what a draw wrote, and counts once however often it was
    drawn; its probability is the geometric mean over its tokens, since the product of hundreds of them would leave the
    vote to the shortest. Pruning fits two Weibull distributions to the probabilities, and leaves out paths that are
    likelier of the lower one and less probable than the mean. With fewer than 5 distinct paths, or where no two can be
    fitted, nothing is pruned, and the step says so. The paper draws 64 to 128 times; here 8, as a run's budget holds.

    Tokens: n x (prompt + reply).

    It helps as `self-consistency` weighted by log-probabilities does, and where few draws repeat an answer. Equal
    probabilities are a majority of the distinct paths.
    """

    name = "rpc"
    exchangeable = True

    n: int = Field(8, ge=1, le=1000, description="draws")
    prune: bool = Field(True, description="leave out improbable paths; with false it is Perplexity Consistency alone")
    temperature: float = Field(0.7, gt=0, le=5, description="of every draw")
    route: Route = Field("reason", description="by which way: reason, or program")

    @property
    def least_calls(self) -> int:
        return self.n

    @property
    def needs_logprobs(self) -> bool:
        return True

    async def run(self, state: State, kit: Kit) -> Step:
        numbers = range(1, self.n + 1)
        drawn = await draw(self.name, state, kit, numbers, route=self.route, temperature=self.temperature)
        paths = dict[str, int]()
        for place, step in enumerate(drawn.steps):
            if step.candidate is not None:
                paths.setdefault(step.text.strip(), place)
        chances = {place: _probability(drawn.steps[place]) for place in paths.values()}
        kept, pruning = self._kept(chances)
        weights = [chances[place] if place in kept else 0.0 for place in range(len(drawn.steps))]
        cast = votes(state, drawn.steps, weights)
        answer = elected(state, drawn.steps, cast, self.chance(state, kit))
        note = f"{len(paths)} distinct paths in {len(drawn.steps)} draws, {pruning}"
        return chosen(self.name, kit, drawn, answer, note, [weight or None for weight in weights])

    def _kept(self, chances: dict[int, float]) -> tuple[set[int], str]:
        """The paths that vote, and what was done to the others."""
        everyone = set(chances)
        if not self.prune:
            return everyone, "none pruned, as asked"
        if len(chances) < FEWEST:
            return everyone, f"none pruned: fewer than {FEWEST}"
        mixture = fitted(list(chances.values()))
        if mixture is None:
            return everyone, "none pruned: no two distributions fit"
        usual = fmean(chances.values())
        kept = {place for place, p in chances.items() if p >= usual or mixture.chance_of_high(p) >= 0.5}
        return kept, f"{len(everyone) - len(kept)} pruned"


def _probability(step: Step) -> float:
    """Of a path; a backend that tells none for this one reply leaves it the least that counts."""
    return math.exp(step.mean_logprob) if step.mean_logprob is not None else 1e-9
