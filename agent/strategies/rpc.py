"""RPC: an answer weighs what the model's own probabilities of its distinct paths sum to, unlikely paths pruned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.strategies.base import Strategy
from pilotage.agent.strategies.drawing import Route, draw
from pilotage.agent.strategies.voting import by_vote
from pilotage.agent.strategies.weibull import Mixture, fit_mixture
from pilotage.agent.trace import Step

FEWEST = 5
"""Distinct paths without which two distributions cannot be told apart, so that nothing is pruned."""


class ReasoningPruning(Strategy):
    """Draws several times and takes the answer whose distinct paths the model finds likeliest, unlikely ones pruned.

    Zhou et al. 2025, 'A Theoretical Study on Bridging Internal Probability and Self-Consistency for LLM Reasoning'
    (section 4, RPC: perplexity consistency and reasoning pruning; github.com/WNJXYK/RPC). A path weighs its probability
    under the model; two draws of one path are one path. Pruning fits two Weibull distributions to the probabilities and
    drops paths that rather belong to the lower one, if they are also under the mean. With fewer than five distinct
    paths, or where the fit fails, nothing is pruned, and the trace says so.

    Tokens: n x (prompt + reply).

    It helps where the model's probabilities tell right paths from wrong ones, with fewer draws than votes need; where
    all paths are as likely it is the majority of the distinct ones.
    """

    name = "rpc"

    n: int = Field(8, ge=1, le=1000, description="draws")
    temperature: float = Field(0.7, gt=0, le=5, description="of every draw")
    route: Route = Field("reason", description="by which way: reason, or program")
    probability: Literal["path", "mean"] = Field(
        "path", description="of a path: of all of its tokens, or their geometric mean, which long ones do not lose by"
    )
    prune: bool = Field(True, description="leave out the unlikely paths")

    @property
    def least_calls(self) -> int:
        return self.n

    @property
    def needs_logprobs(self) -> bool:
        return True

    async def run(self, state: State, kit: Kit) -> Step:
        numbers = range(1, self.n + 1)
        drawn = await draw(self.name, state, kit, numbers, route=self.route, temperature=self.temperature)
        weights, note = self._weights(drawn.steps)
        return by_vote(self, state, kit, drawn, weights, flat_is_noise=False, note=note)

    def _weights(self, steps: Sequence[Step]) -> tuple[list[float | None], str]:
        """The weight of each draw, 0 to 1, and what was pruned. A path that was drawn before weighs nothing more."""
        first = {step.text.strip(): place for place, step in reversed(list(enumerate(steps))) if step.candidate}
        places = sorted(first.values())
        logs = [log for place in places if (log := self._log_probability(steps[place])) is not None]
        if not logs or len(logs) < len(places):
            return [1.0 if place in places else 0.0 for place in range(len(steps))], "their probabilities are not known"
        likely = np.exp(np.array(logs) - max(logs))
        kept, note = _pruned(likely) if self.prune else (np.ones(len(likely), dtype=bool), "nothing is pruned")
        weights: list[float | None] = [0.0] * len(steps)
        for place, weight, stays in zip(places, likely.tolist(), kept.tolist(), strict=True):
            weights[place] = weight if stays else 0.0
        return weights, f"{len(places)} distinct paths, {note}"

    def _log_probability(self, step: Step) -> float | None:
        if step.mean_logprob is None:
            return None
        return step.mean_logprob * (step.usage.completion_tokens if self.probability == "path" else 1)


def _pruned(likely: NDArray[np.float64]) -> tuple[NDArray[np.bool_], str]:
    """Which paths stay."""
    everything = np.ones(len(likely), dtype=bool)
    if len(likely) < FEWEST:
        return everything, f"too few to prune: under {FEWEST}"
    fitted: Mixture | None = fit_mixture(likely)
    if fitted is None:
        return everything, "not pruned: no two distributions fit"
    kept = (fitted.share_of_higher(likely) >= 0.5) | (likely >= likely.mean())
    return kept, f"{int((~kept).sum())} pruned"
