"""Sample: one more draw of the leading route, at a temperature, from the puzzle alone, or from the next view of it."""

from pilotage.agent.arc.augment import Augmentation
from pilotage.agent.arc.blocks import program, reason
from pilotage.agent.arc.blocks.steps import programmed
from pilotage.agent.arc.blocks.views import drawn_from
from pilotage.agent.blocks import sample
from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.trace import Step


class Sample(sample.Sample):
    """Draws the leading route once more, by itself and at a temperature. One LLM call.

    Args:
        temperature: of the draw.
        views: of the puzzle, which draws of outputs that are written down go through in turn.
    """

    def __init__(self, temperature: float = sample.TEMPERATURE, views: int = 1) -> None:
        self.temperature, self.views = temperature, views

    async def draw(self, route: sample.Route, number: int, state: State, kit: Kit) -> Step:
        how = {"independent": True, "temperature": self.temperature, "sample": number}
        if route == "program":
            return await programmed(self.name, state, kit, program.PROMPT, **how)
        view = Augmentation.view(number % self.views, kit.seed)
        return await drawn_from(view, self.name, state, kit, reason.asked(state), **how)
