"""Reflect: repair a program from what it made of the training pairs, shown as grids."""

from pilotage.agent.arc.blocks.steps import programmed
from pilotage.agent.blocks.base import Block
from pilotage.agent.blocks.reflect import MAX_REFLECTIONS
from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.trace import Step

PROMPT = (
    "Say in a few lines what is wrong with the rule or with its program. Then write the whole corrected function "
    "`transform(grid)` in one ```python block."
)


class Reflect(Block):
    """Repairs the last program by what it got wrong, and runs it again. One LLM call."""

    name = "reflect"

    def __init__(self, temperature: float = 0.0) -> None:
        self.temperature = temperature

    def applicable(self, state: State) -> bool:
        last = state.last
        failed = last is not None and last.program is not None and last.evidence.program == "failed"
        return failed and state.abilities.sandbox and state.trace.count(self.name) < MAX_REFLECTIONS

    async def run(self, state: State, kit: Kit) -> Step:
        number = state.trace.count(self.name)
        how = {"continuing": True, "temperature": self.temperature, "sample": number}
        return await programmed(self.name, state, kit, PROMPT, **how)
