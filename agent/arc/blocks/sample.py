"""Sample: one more draw of the leading route, at a temperature, from the puzzle alone."""

from pilotage.agent.arc.blocks import program, reason
from pilotage.agent.arc.blocks.steps import drawn, programmed
from pilotage.agent.blocks import sample
from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.trace import Step


class Sample(sample.Sample):
    """Draws the leading route once more, by itself and at a temperature. One LLM call."""

    def __init__(self, temperature: float = sample.TEMPERATURE) -> None:
        self.temperature = temperature

    async def draw(self, route: sample.Route, number: int, state: State, kit: Kit) -> Step:
        how = {"independent": True, "temperature": self.temperature, "sample": number}
        if route == "program":
            return await programmed(self.name, state, kit, program.PROMPT, **how)
        return await drawn(self.name, state, kit, reason.asked(state), **how)
