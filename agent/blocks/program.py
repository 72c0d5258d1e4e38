"""Program: write Python, run it in the sandbox, read what it printed (PAL, Gao et al. 2023; PoT, Chen et al. 2023)."""

from pilotage.agent.blocks.base import Block
from pilotage.agent.blocks.steps import programmed
from pilotage.agent.kit import Kit
from pilotage.agent.prompting import is_apart, was_asked
from pilotage.agent.state import State
from pilotage.agent.trace import Step

PROMPT = (
    "Write a short Python program (standard library only) that computes the answer from the facts in the task and "
    "prints the answer and nothing else. Reply with one ```python block."
)
AS_ANSWER = (
    "Write the complete Python program (standard library only): it reads standard input and prints the result. "
    "Reply with one ```python block."
)


def instruction(state: State) -> str:
    """What to ask for: a program that finds the answer, or the program that is the answer."""
    return AS_ANSWER if state.task.kind == "program" else PROMPT


class Program(Block):
    """Writes a program, runs it in the sandbox and takes its output as candidate. One LLM call."""

    name = "program"

    def applicable(self, state: State) -> bool:
        return state.abilities.sandbox and not was_asked(state, self._asks)

    def _asks(self, step: Step) -> bool:
        """Whether a step asked for a program as this block does: itself, or a check by program."""
        return step.block == self.name or (step.independent and step.evidence.program is not None)

    async def run(self, state: State, kit: Kit) -> Step:
        return await programmed(self.name, state, kit, instruction(state), independent=is_apart(state))
