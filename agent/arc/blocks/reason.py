"""Reason: work out the rule in words and write the outputs down, without a program (transduction, Li et al. 2024)."""

from pilotage.agent.arc.augment import Augmentation
from pilotage.agent.arc.blocks.views import drawn_from, drawn_from_each
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
    """Says what the rule is and writes the output of each test down. One LLM call, or one for each view.

    Args:
        temperature: of the replies.
        views: of the puzzle that it is asked from; the first is the puzzle as it is.
    """

    name = "reason"

    def __init__(self, temperature: float = 0.0, views: int = 1) -> None:
        self.temperature, self.views = temperature, views

    def applicable(self, state: State) -> bool:
        return not was_asked(state, lambda step: step.block == self.name)

    async def run(self, state: State, kit: Kit) -> Step:
        how = {"independent": is_apart(state), "temperature": self.temperature}
        views = [Augmentation.view(number, kit.seed) for number in range(self.views)]
        if len(views) == 1:
            return await drawn_from(views[0], self.name, state, kit, asked(state), **how)
        return await drawn_from_each(views, self.name, state, kit, asked(state), **how)
