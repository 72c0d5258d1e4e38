"""Reflect: criticise and repair the last step (Self-Refine, Madaan et al. 2023; the 'refine' action of RL of Thoughts).

Self-criticism without evidence rarely changes anything for the better, so a failed program is repaired from its error
message and its repair is run; where it left none (no program in the reply, nothing printed that is an answer) there is
nothing to act on: of 17 such repairs one was right. Only other steps are criticised from the text alone.
"""

from pilotage.agent.blocks.base import Block
from pilotage.agent.blocks.steps import programmed, reasoned
from pilotage.agent.kit import Kit
from pilotage.agent.prompting import ANSWER_FORM
from pilotage.agent.state import State
from pilotage.agent.trace import Step

REPAIR_PROGRAM = "Say in one line what was wrong, then write the corrected program in one ```python block."
CRITICISE = (
    "Check the last step against the task. Name any mistake in one line, then write the corrected solution line by "
    "line. {form}"
)
MAX_REFLECTIONS = 2


class Reflect(Block):
    """Criticises the last step and repairs it; a repaired program is run again. One LLM call."""

    name = "reflect"

    def applicable(self, state: State) -> bool:
        last = state.last
        if last is None or last.block == "recall" or state.trace.count(self.name) >= MAX_REFLECTIONS:
            return False
        if last.candidate is None and last.evidence.program is not None:
            return last.evidence.error is not None
        return last.block != self.name or last.evidence.program == "failed"

    async def run(self, state: State, kit: Kit) -> Step:
        last = state.last
        failed = last is not None and (last.candidate is None or last.evidence.program == "failed")
        if last is not None and last.program is not None and failed:
            return await programmed(self.name, state, kit, REPAIR_PROGRAM, continuing=True)
        asked = CRITICISE.format(form=ANSWER_FORM[state.task.kind])
        return await reasoned(self.name, state, kit, asked, continuing=True)
