"""Critique and revise: a critic who sees the solution alone, and a reviser who is told what the critic says."""

from __future__ import annotations

from pydantic import Field

from pilotage.agent.blocks.steps import MAX_TOKENS
from pilotage.agent.kit import Kit
from pilotage.agent.messages import Message
from pilotage.agent.models.reply import Reply
from pilotage.agent.prompting import ANSWER_FORM, system
from pilotage.agent.state import State
from pilotage.agent.strategies.base import Strategy
from pilotage.agent.strategies.drawing import asked_for
from pilotage.agent.strategies.refining.rounds import (
    CRITIQUE_TOKENS,
    LOOK_FOR_MISTAKES,
    Critique,
    Writes,
    until_content,
)
from pilotage.agent.strategies.scorers.asked import SYSTEM
from pilotage.agent.strategies.showing import shown, written
from pilotage.agent.trace import Step

REVISE = (
    "The solution above was criticised as above. Solve the task, and heed what is right of the critique. Write each "
    "step on its own line with its arithmetic or reason. {form}"
)


class CritiqueRevise(Strategy):
    """Has a critic look at the solution alone, and the solution written anew after what it says, until it is content.

    Saunders et al. 2022, 'Self-critiquing models for assisting human evaluators', with the loop of Huang et al. 2024,
    'Large Language Models Cannot Self-Correct Reasoning Yet'. Other than in `self-refine` the critic has not written
    what it reads, may be another model (`critic=MODEL`), and a reviser reads the last solution and its critique, both
    as quoted text, and nothing before them.

    Tokens: 1 + 2 x rounds calls at most, of a prompt + one solution (+ a critique); 2 where the critic is content.

    It helps as much as the critic knows: one that is always content changes nothing, one that errs spoils what is
    right.
    """

    name = "critique-revise"
    outside = ("critic",)

    rounds: int = Field(2, ge=0, le=20, description="of a critique and a revision, at most")
    critic: str = Field("", description="the model that criticises, as --model names one; empty: the run's own")
    temperature: float = Field(0.7, ge=0, le=5, description="of solutions; critiques are greedy")

    @property
    def least_calls(self) -> int:
        return 2 if self.rounds else 1

    @property
    def named_models(self) -> tuple[str, ...]:
        return (self.critic,)

    async def run(self, state: State, kit: Kit) -> Step:
        async def first(own: Kit, number: int) -> Step:
            asked = asked_for(state, "reason")
            reply = await own.ask(
                state, asked, max_tokens=MAX_TOKENS, independent=True, temperature=self.temperature, sample=number
            )
            return written(state, own, self.name, reply, independent=True)

        async def criticise(own: Kit, step: Step) -> Reply:
            asked = f"{shown(state, ('solution', step.text))}\n\n{LOOK_FOR_MISTAKES}"
            messages = Message(role="system", content=SYSTEM), Message(role="user", content=asked)
            critic = own.branch(own.models.named(self.critic))
            return await critic.send(messages, max_tokens=CRITIQUE_TOKENS)

        def revise(step: Step, critique: Critique) -> Writes:
            async def write(own: Kit, number: int) -> Step:
                read = shown(state, ("solution", step.text), ("critique", critique.text))
                asked = f"{read}\n\n{REVISE.format(form=ANSWER_FORM[state.task.kind])}"
                messages = Message(role="system", content=system(state.task)), Message(role="user", content=asked)
                reply = await own.send(messages, max_tokens=MAX_TOKENS, temperature=self.temperature, sample=number)
                return written(state, own, self.name, reply)

            return write

        return await until_content(self, state, kit, self.rounds, first, criticise, revise)
