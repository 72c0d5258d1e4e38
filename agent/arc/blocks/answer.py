"""Answer: two different attempts at each test, those with the most evidence first; or a direct answer."""

from pilotage.agent.arc.attempts import ranked
from pilotage.agent.arc.blocks.steps import drawn
from pilotage.agent.arc.blocks.voting import attempts_of
from pilotage.agent.arc.tasks import attempts_text, outputs_in, puzzle_of
from pilotage.agent.blocks import answer
from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.trace import Evidence, Step

DIRECT = "Write the output of {tests}, in the notation of the examples, in a ``` block{each}, and nothing else."


class Answer(answer.Answer):
    """Ends the run with two attempts at each test, without a call of the model; where nothing was reached, asks.

    Args:
        asks: whether it does that; without it, a run that reached nothing answers nothing.
    """

    def __init__(self, *, asks: bool = True) -> None:
        self.asks = asks

    async def run(self, state: State, kit: Kit) -> Step:
        tests = len(puzzle_of(state.task).tests)
        if state.candidates:
            attempts = attempts_of(state.task, state.trace.steps)
            note = f"of {len(state.candidates)} candidates"
            return kit.step(self.name, [], candidate=attempts_text(attempts), evidence=Evidence(note=note))
        if not self.asks:
            return kit.step(self.name, [], candidate=None, evidence=Evidence(note="no program came to outputs"))
        several = tests > 1
        asked = DIRECT.format(tests="each test input in order" if several else "the test input", each=" each" * several)
        step = await drawn(self.name, state, kit, asked)
        if step.candidate is None:
            return step
        return step.model_copy(update={"candidate": attempts_text(ranked([outputs_in(step.candidate)], tests))})
