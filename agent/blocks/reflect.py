"""Reflect: criticise and repair the last step (Self-Refine, Madaan et al. 2023; the 'refine' action of RL of Thoughts).

Self-criticism without evidence rarely changes anything for the better, so a failed program is repaired from its error
message and its repair is run; only other steps are criticised from the text alone.
"""

from agent.answers import extract
from agent.blocks.base import Block
from agent.kit import Kit
from agent.programs import run_program
from agent.prompting import ANSWER_FORM
from agent.state import State
from agent.trace import Step, Turn

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
        return last.block != self.name or last.evidence.program == "failed"

    async def run(self, state: State, kit: Kit) -> Step:
        last = state.last
        program_failed = last is not None and last.program is not None and last.candidate is None
        if program_failed:
            reply = await kit.ask(state, REPAIR_PROGRAM, max_tokens=400)
            outcome = await run_program(state, kit, reply.text)
            return kit.step(
                self.name,
                [reply],
                turns=[Turn(asked=REPAIR_PROGRAM, replied=reply.text)],
                result=outcome.result,
                candidate=outcome.candidate,
                evidence=outcome.evidence,
                program=outcome.source,
            )
        asked = CRITICISE.format(form=ANSWER_FORM[state.task.kind])
        reply = await kit.ask(state, asked, max_tokens=400)
        return kit.step(
            self.name,
            [reply],
            turns=[Turn(asked=asked, replied=reply.text)],
            candidate=extract(state.task.kind, reply.text, state.task.choices),
        )
