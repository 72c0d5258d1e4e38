"""Self-refine: the model criticises its own solution and writes it anew, in one conversation."""

from __future__ import annotations

from pydantic import Field

from pilotage.agent.blocks.steps import MAX_TOKENS
from pilotage.agent.kit import Kit
from pilotage.agent.models.reply import Reply
from pilotage.agent.prompting import ANSWER_FORM
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
from pilotage.agent.strategies.showing import written
from pilotage.agent.trace import Step, Turn

REFINE = "Now write the whole solution anew without these mistakes, each step on its own line. {form}"


class SelfRefine(Strategy):
    """Lets the model criticise its own solution and write it anew, in one conversation, until it finds no mistake.

    Madaan et al. 2023, 'Self-Refine: Iterative Refinement with Self-Feedback' (github.com/madaan/self-refine): each
    refinement reads all earlier solutions and critiques. The paper has 4 rounds, with examples of critiques in its
    prompts; here there are none, and 2 rounds, which a run's budget holds.

    Tokens: 1 + 2 x rounds calls at most, of a prompt that grows by each reply; 2 calls where the model is content.

    It helps where a mistake is easier to see than to avoid (style, constraints, code). In arithmetic a model that does
    not see its mistakes gains nothing, and one that is told to find some may lose.
    """

    name = "self-refine"

    rounds: int = Field(2, ge=0, le=20, description="of a critique and a new solution, at most")
    temperature: float = Field(0.7, ge=0, le=5, description="of solutions; critiques are greedy")

    @property
    def least_calls(self) -> int:
        return 2 if self.rounds else 1

    async def run(self, state: State, kit: Kit) -> Step:
        def writer(turns: tuple[Turn, ...], asked: str) -> Writes:
            async def write(own: Kit, number: int) -> Step:
                reply = await own.ask(
                    state, asked, max_tokens=MAX_TOKENS, turns=turns, independent=True, temperature=self.temperature,
                    sample=number,
                )  # fmt: skip
                said = (*turns, Turn(asked=asked, replied=reply.text))
                return written(state, own, self.name, reply, turns=said, independent=not turns)

            return write

        async def criticise(own: Kit, step: Step) -> Reply:
            asked = LOOK_FOR_MISTAKES
            return await own.ask(state, asked, max_tokens=CRITIQUE_TOKENS, turns=step.turns, independent=True)

        def revise(step: Step, critique: Critique) -> Writes:
            said = Turn(asked=LOOK_FOR_MISTAKES, replied=critique.text)
            return writer((*step.turns, said), REFINE.format(form=ANSWER_FORM[state.task.kind]))

        first = writer((), asked_for(state, "reason"))
        return await until_content(self, state, kit, self.rounds, first, criticise, revise)
