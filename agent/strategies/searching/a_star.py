"""A*: the path that looks cheapest as a whole, written part and estimated rest together, is gone on with first."""

from __future__ import annotations

import heapq
import math
from typing import Literal

from pydantic import Field

from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.strategies.searching.stepwise import Path, StepwiseStrategy, Writing, distinct
from pilotage.agent.trace import Step

LEAST = 1e-3
"""A lower score counts as this: no path is written off for good."""


class AStar(StepwiseStrategy):
    """Goes on with the path for which the cost so far and a scorer's estimate of the rest are least together.

    Hart, Nilsson and Raphael 1968, 'A Formal Basis for the Heuristic Determination of Minimum Cost Paths'; over steps
    of a language model Wang et al. 2024, 'Q*: Improving Multi-step Reasoning for LLMs with Deliberative Planning'
    (f = g + lambda h). Here a step costs the mean surprise of its tokens, -log p, so that a long step is
    not dear for its length (`cost=step`: every step costs 1), and the rest is estimated as -weight x log s for a score
    s, and as 0 for a path with an answer. With `scorer=logprob` that expects one more step as usual as those so far.

    The first path with an answer that comes to be the cheapest is the answer: with an estimate that is never too high
    no other is cheaper, and with weight 0 this is uniform-cost search. Where `expansions` are used up first, the
    cheapest path with an answer is taken, or the cheapest open one finished alone.

    Tokens: expansions x children x (prompt + half of the path). Six expansions of three are 18 calls, which leaves six
    of the 24 of a run's budget to finish a path.

    It helps where the scorer foresees how much is still missing, so that few paths are written to their end; with one
    that foresees nothing it goes wide where a narrow search would go deep.
    """

    name = "a-star"

    children: int = Field(3, ge=1, le=1000, description="next steps written for a path")
    expansions: int = Field(6, ge=1, le=100_000, description="how many paths are gone on with at most")
    weight: float = Field(1.0, ge=0, le=1000, description="of the estimate of the rest; 0 is uniform-cost search")
    cost: Literal["logprob", "step"] = Field("logprob", description="of a step: mean surprise of its tokens, or 1")

    @property
    def least_calls(self) -> int:
        return self.calls_a_step * self.children

    @property
    def needs_logprobs(self) -> bool:
        return self.cost == "logprob" or super().needs_logprobs

    async def run(self, state: State, kit: Kit) -> Step:
        writing = Writing(self, state, kit)
        frontier: list[tuple[float, float, Path]] = [(0.0, 0.0, Path())]
        goal: Path | None = None
        for _ in range(self.expansions):
            if not frontier or writing.limit is not None or frontier[0][2].candidate is not None:
                break
            _, _, path = heapq.heappop(frontier)
            asked = [(path, number) for number in range(1, self.children + 1)]
            for further in distinct((await writing.extend(asked)).written):
                if writing.grows(further) or further.candidate is not None:
                    # Of equals one that is drawn.
                    heapq.heappush(frontier, (self._cost_of(further), writing.chance.random(), further))
        order = [path for _, _, path in sorted(frontier, key=lambda one: one[:2])]
        goal = next((path for path in order if path.candidate is not None), None)
        if goal is None and order and order[0].text:
            goal = writing.best([await writing.finish(order[0])])
        ended = distinct(path for path in writing.written if path.candidate is not None)
        why = f"the least cost, {self._cost_of(goal):.2f}" if goal is not None else ""
        return writing.conclude_with(ended or writing.written[-1:], goal, why)

    def _cost_of(self, path: Path) -> float:
        """What a path costs as a whole: its steps, and the rest as the scorer sees it."""
        steps = path.line[1:]
        written = float(len(steps))
        if self.cost == "logprob":
            written = -sum(step.step_logprob or 0.0 for step in steps)
        if path.candidate is not None:
            return written  # nothing is left to be written, whatever the scorer says
        return written - self.weight * math.log(max(LEAST, path.worth))
