"""Plan: a short numbered plan before any work (Plan-and-Solve, Wang et al. 2023)."""

from pilotage.agent.blocks.base import Block
from pilotage.agent.blocks.steps import Exchanges
from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.trace import Step

PROMPT = "Write a numbered plan of at most five short steps for this task. Do not solve it yet."
PLAN_TOKENS = 160


class Plan(Block):
    """Writes a plan that later blocks follow. One LLM call, no candidate."""

    name = "plan"

    def applicable(self, state: State) -> bool:
        return not state.trace.has(self.name) and not state.candidates

    async def run(self, state: State, kit: Kit) -> Step:
        exchanges = Exchanges(self.name, state, kit)
        await exchanges.ask(PROMPT, max_tokens=PLAN_TOKENS)
        return exchanges.step()
