"""Reason: one step of chain-of-thought (Wei et al. 2022; the 'reason one step' action of RL of Thoughts, section 3)."""

from pilotage.agent.blocks.base import Block
from pilotage.agent.blocks.steps import reasoned
from pilotage.agent.kit import Kit
from pilotage.agent.prompting import ANSWER_FORM, is_apart, is_unfinished, was_asked
from pilotage.agent.state import State
from pilotage.agent.trace import Step

PROMPT = "Solve this step by step. Write each step on its own line with its arithmetic or reason. {form}"
NEXT = "Go on from there, one line for each step. {form}"
MAX_STEPS = 3


class Reason(Block):
    """Thinks step by step and states the result; goes on where its text was cut. One LLM call."""

    name = "reason"

    def applicable(self, state: State) -> bool:
        if state.trace.count(self.name) >= MAX_STEPS:
            return False
        return is_unfinished(state, self.name) or not was_asked(state, lambda step: step.block == self.name)

    async def run(self, state: State, kit: Kit) -> Step:
        form = ANSWER_FORM[state.task.kind]
        if is_unfinished(state, self.name):
            return await reasoned(self.name, state, kit, NEXT.format(form=form), continuing=True)
        return await reasoned(self.name, state, kit, PROMPT.format(form=form), independent=is_apart(state))
