"""Look: what changes from input to output, computed from the grids, for later blocks to read. No LLM call."""

from pilotage.agent.arc.facts import facts
from pilotage.agent.arc.tasks import puzzle_of
from pilotage.agent.blocks.base import Block
from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.trace import Step

SEEN = "What can be counted in the grids:\n{facts}"


class Look(Block):
    """Counts what changes in the pairs: sizes, colours, cells, objects, symmetries. No LLM call, no candidate."""

    name = "look"

    def applicable(self, state: State) -> bool:
        return not state.trace.steps

    async def run(self, state: State, kit: Kit) -> Step:
        return kit.step(self.name, [], result=SEEN.format(facts=facts(puzzle_of(state.task))))
