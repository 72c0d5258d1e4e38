"""Iterative agent decoding: rounds of draws, each told the best solution so far and its score."""

from __future__ import annotations

from pydantic import Field

from pilotage.agent.blocks.steps import MAX_TOKENS
from pilotage.agent.kit import Kit
from pilotage.agent.messages import Message
from pilotage.agent.prompting import ANSWER_FORM, system
from pilotage.agent.state import State
from pilotage.agent.strategies.base import Strategy
from pilotage.agent.strategies.drawing import Drawn, draw, side_by_side
from pilotage.agent.strategies.scorers import ScorerName, scored, scorer_named
from pilotage.agent.strategies.showing import shown, written
from pilotage.agent.strategies.voting import best_scored, by_score
from pilotage.agent.trace import Step
from pilotage.common.tokens import estimate_tokens

BETTER = (
    "The solution above is the best so far; its score is {score:.2f} of 1. Write a better one, or a right one by "
    "another way. Write each step on its own line with its arithmetic or reason. {form}"
)


class IterativeAgentDecoding(Strategy):
    """Draws in rounds, shows each round the best solution so far with its score, and keeps the best of all.

    Chakraborty et al. 2025, 'Review, Refine, Repeat: Understanding Iterative Decoding of AI Agents with Dynamic
    Evaluation and Selection'. Draws of a round are side by side; a round whose draws are all without an answer is drawn
    anew from the task alone.

    Tokens: n x rounds x (prompt + reply), from the second round on with the best solution in the prompt, and with a
    scorer that asks (`judge`, `p-correct`) as many short calls.

    It helps where a model uses what it is shown; one that ignores it is `best-of-n` with n x rounds draws, and one that
    copies it has the rounds for nothing.
    """

    name = "iad"

    n: int = Field(3, ge=1, le=100, description="draws of a round")
    rounds: int = Field(2, ge=1, le=20, description="of draws")
    temperature: float = Field(0.7, gt=0, le=5, description="of every draw")
    scorer: ScorerName = Field("logprob", description="who chooses")

    @property
    def least_calls(self) -> int:
        return self.n * self.rounds * (1 + scorer_named(self.scorer).calls)

    @property
    def needs_logprobs(self) -> bool:
        return scorer_named(self.scorer).needs_logprobs

    async def run(self, state: State, kit: Kit) -> Step:
        scorer, chance = scorer_named(self.scorer), self.chance(state, kit)
        drawn, scores = Drawn(), tuple[float | None, ...]()
        for number in range(self.rounds):
            if drawn.limit is not None:
                break
            best = best_scored(drawn.steps, scores, chance)
            numbers = range(1 + number * self.n, 1 + (number + 1) * self.n)
            if best is None:
                new = await draw(self.name, state, kit, numbers, temperature=self.temperature)
            else:
                new = await self._better(state, kit, numbers, drawn.steps[best], scores[best])
            drawn += new
            if scorer.calls:
                scores = (*scores, *await scored(scorer, state, kit, new.steps))
            else:  # it may compare a draw with all others
                scores = await scored(scorer, state, kit, drawn.steps)
        return by_score(self, state, kit, drawn, scores, self.scorer)

    async def _better(self, state: State, kit: Kit, numbers: range, best: Step, score: float | None) -> Drawn:
        asked = BETTER.format(score=score or 0.0, form=ANSWER_FORM[state.task.kind])
        content = f"{shown(state, ('solution', best.text))}\n\n{asked}"
        messages = Message(role="system", content=system(state.task)), Message(role="user", content=content)

        async def one(own: Kit, number: int) -> Step:
            reply = await own.send(messages, max_tokens=MAX_TOKENS, temperature=self.temperature, sample=number)
            return written(state, own, self.name, reply)

        prompt = estimate_tokens("\n".join(message.text for message in messages))
        return await side_by_side(self.name, kit, one, numbers, prompt_tokens=prompt, completion_tokens=MAX_TOKENS)
