"""Reason: work out the rule in words and write the outputs down, without a program (transduction, Li et al. 2024)."""

from pilotage.agent.arc.blocks.steps import drawn
from pilotage.agent.blocks.base import Block
from pilotage.agent.kit import Kit
from pilotage.agent.prompting import is_apart, was_asked
from pilotage.agent.state import State
from pilotage.agent.trace import Step

PROMPT = (
    "Say in a few lines what the rule is. Then write the output of {tests}, in the notation of the examples, "
    "{each} in a ``` block of its own, and nothing else in such blocks."
)


def asked(state: State) -> str:
    """The instruction for as many tests as the task has."""
    several = len(state.task.inputs) > 1
    tests = "each test input in order" if several else "the test input"
    return PROMPT.format(tests=tests, each="each" if several else "it alone")


class Reason(Block):
    """Says what the rule is and writes the output of each test down. One LLM call."""

    name = "reason"

    def __init__(self, temperature: float = 0.0) -> None:
        self.temperature = temperature

    def applicable(self, state: State) -> bool:
        return not was_asked(state, lambda step: step.block == self.name)

    async def run(self, state: State, kit: Kit) -> Step:
        how = {"independent": is_apart(state), "temperature": self.temperature}
        return await drawn(self.name, state, kit, asked(state), **how)
