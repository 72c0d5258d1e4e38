"""Reason: one step of chain-of-thought (Wei et al. 2022; the 'reason one step' action of RL of Thoughts, section 3)."""

from agent.blocks.base import Block
from agent.kit import Kit
from agent.prompting import ANSWER_FORM
from agent.state import State
from agent.steps import reasoned
from agent.trace import Step

PROMPT = "Solve this step by step. Write each step on its own line with its arithmetic or reason. {form}"
NEXT = "Go on from there, one line for each step. {form}"
MAX_STEPS = 3


class Reason(Block):
    """Thinks on, step by step; the step that reaches the result states it. One LLM call."""

    name = "reason"

    def applicable(self, state: State) -> bool:
        last = state.last
        finished = last is not None and last.block == self.name and last.candidate is not None
        return not finished and state.trace.count(self.name) < MAX_STEPS

    async def run(self, state: State, kit: Kit) -> Step:
        template = NEXT if state.trace.has(self.name) else PROMPT
        return await reasoned(self.name, state, kit, template.format(form=ANSWER_FORM[state.task.kind]))
