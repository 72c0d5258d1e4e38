"""Cascade: a small model first, and a large one where the small one was not sure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Literal, Self

from pydantic import Field, model_validator

from pilotage.agent.kit import Kit
from pilotage.agent.state import Candidate, State
from pilotage.agent.strategies.drawing import Drawn, Route, answer_of, chosen, draw
from pilotage.agent.strategies.scorers import scored, scorer_named
from pilotage.agent.strategies.two_models.base import TwoModels
from pilotage.agent.strategies.voting import elected, votes
from pilotage.agent.trace import Step


class Cascade(TwoModels):
    """Asks a small model, and a large one anew where the small one's answer is less sure than a threshold.

    Akbari et al. 2022, 'E-LANG: Energy-Based Joint Inferencing of Super and Swift Language Models', whose sign is the
    energy of the small model's output; Chen et al. 2023, 'FrugalGPT' (LLM cascade), which trains a scorer. Here the
    sign is what a chat model gives: its log-probabilities, the agreement of its draws, or its own yes to 'is this
    right?'. `threshold=0` is the small model alone, `threshold=1.1` the large one alone, which costs nothing of the
    small one then. (An evaluation of policies has a row `cascade` of its own, of two routes of one model; this is
    always written `strategy:cascade`.)

    Tokens: n x (prompt + reply) of the small model, and with `by=p-correct` n short calls of it; prompt + reply of the
    large one for the share of the tasks on which the small one is unsure.

    It helps where the small model is right on much, and sure of what it is right on; where its certainty says nothing
    it is no better than to choose between the two by lot.
    """

    name = "cascade"

    by: Literal["logprob", "agreement", "p-correct"] = Field("logprob", description="what tells how sure it is")
    threshold: float = Field(0.9, ge=0, le=2, description="the large model is asked below it: 0 never, above 1 always")
    n: int = Field(1, ge=1, le=1000, description="draws of the small model, which vote; by=agreement needs several")
    temperature: float = Field(0.7, gt=0, le=5, description="of several draws; a single one is greedy")
    route: Route = Field("reason", description="by which way: reason, or program")

    @model_validator(mode="after")
    def _can_agree(self) -> Self:
        if self.by == "agreement" and self.n < 2:
            raise ValueError("by=agreement compares several draws: give n=3 or more")
        return self

    @property
    def least_calls(self) -> int:
        first = 0 if self.threshold > 1 else self.n * (1 + scorer_named(self.by).calls)
        return first + (self.threshold > 0)

    @property
    def needs_logprobs(self) -> bool:
        return scorer_named(self.by).needs_logprobs and 0 < self.threshold <= 1

    async def run(self, state: State, kit: Kit) -> Step:
        pair = self.pair(kit)
        if self.threshold > 1:
            alone = await self._greedy(state, pair.large)
            return self._of(alone, state, kit, alone, "the large model alone")
        small = await draw(self.name, state, pair.small, self._numbers, route=self.route, temperature=self._heat)
        answer = elected(state, small.steps, votes(state, small.steps), self.chance(state, kit))
        if self.threshold == 0:
            return chosen(self.name, kit, small, answer, "the small model alone")
        scores = await scored(scorer_named(self.by), state, pair.small, small.steps)
        sure = _agreed(small, answer) if self.by == "agreement" else _certainty(small, scores, answer)
        note = f"the small model is sure by {sure:.2f} of {self.by}, where {self.threshold:g} is asked"
        if sure >= self.threshold or small.limit is not None:
            return chosen(self.name, kit, small, answer, note, scores)
        large = await self._greedy(state, pair.large)
        scores = (*scores, *(None for _ in large.steps))
        if any(step.candidate is not None for step in large.steps):
            return self._of(large, state, kit, small + large, f"{note}, so the large one was asked", scores)
        note += ", and the large one came to no answer"
        return self._of(small, state, kit, small + large, note, scores, answer)

    @property
    def _numbers(self) -> range:
        return range(1, self.n + 1) if self.n > 1 else range(1)

    @property
    def _heat(self) -> float:
        return self.temperature if self.n > 1 else 0.0

    async def _greedy(self, state: State, kit: Kit) -> Drawn:
        return await draw(self.name, state, kit, (0,), route=self.route, temperature=0.0)

    def _of(
        self,
        part: Drawn,
        state: State,
        kit: Kit,
        drawn: Drawn,
        note: str,
        scores: Sequence[float | None] | None = None,
        answer: Candidate | None = None,
    ) -> Step:
        """The step of all draws, with the answer of some of them: the one given, or the only one."""
        shown = answer.steps[-1] if answer else next((s for s in part.steps if s.candidate is not None), None)
        whole = None if shown is None else answer_of(state, drawn.steps, shown)
        return chosen(self.name, kit, drawn, whole, note, scores, shown)


def _agreed(drawn: Drawn, answer: Candidate | None) -> float:
    """Share of all draws that came to the answer: one that abstained agrees with nobody."""
    return len(answer.steps) / len(drawn.steps) if answer is not None else 0.0


def _certainty(drawn: Drawn, scores: Sequence[float | None], answer: Candidate | None) -> float:
    """Mean score of the draws that came to the answer; 0 where there is none, or no score of it is known."""
    told = [
        score
        for step, score in zip(drawn.steps, scores, strict=True)
        if answer is not None and step in answer.steps and score is not None
    ]
    return fmean(told) if told else 0.0
