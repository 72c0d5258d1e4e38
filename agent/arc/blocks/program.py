"""Program: write `transform(grid)` and run it on every training pair and test (ArcMemo, Ho et al. 2025, section 4)."""

from pilotage.agent.arc.blocks.steps import programmed
from pilotage.agent.blocks import program
from pilotage.agent.kit import Kit
from pilotage.agent.prompting import is_apart
from pilotage.agent.state import State
from pilotage.agent.trace import Step

PROMPT = (
    "Say in a few lines what the rule is. Then write it as Python: a function `transform(grid)` that is given a 2-D "
    "numpy array of the colours 0 to 9 and returns the output as such an array (`import numpy as np`; the standard "
    "library and numpy alone). It must work for every example and for other inputs of the same kind: work out what "
    "differs between examples, and write no grid of theirs into it. Reply with one ```python block."
)


class Program(program.Program):
    """Writes a program that transforms a grid, and runs it on all pairs and tests. One LLM call."""

    def __init__(self, temperature: float = 0.0) -> None:
        self.temperature = temperature

    async def run(self, state: State, kit: Kit) -> Step:
        how = {"independent": is_apart(state), "temperature": self.temperature}
        return await programmed(self.name, state, kit, PROMPT, **how)
