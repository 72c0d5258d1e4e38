"""Decompose: list the sub-problems, then solve them in order (Least-to-Most, Zhou et al. 2023; RL of Thoughts)."""

from pilotage.agent.answers import extract
from pilotage.agent.blocks.base import Block
from pilotage.agent.kit import Kit
from pilotage.agent.prompting import ANSWER_FORM, is_apart
from pilotage.agent.state import State
from pilotage.agent.trace import Step, Turn

SPLIT = "Split this task into two to four smaller questions, one short line each. Do not answer them yet."
SOLVE = "Answer these questions in order, each on its own line with its arithmetic or reason. {form}"


class Decompose(Block):
    """Splits the task into smaller questions and answers them in order. Two LLM calls."""

    name = "decompose"

    def applicable(self, state: State) -> bool:
        return not state.trace.has(self.name)

    async def run(self, state: State, kit: Kit) -> Step:
        independent = is_apart(state)
        questions = await kit.ask(state, SPLIT, max_tokens=120, independent=independent)
        split = Turn(asked=SPLIT, replied=questions.text)
        asked = SOLVE.format(form=ANSWER_FORM[state.task.kind])
        solution = await kit.ask(state, asked, max_tokens=400, turns=[split], independent=independent)
        return kit.step(
            self.name,
            [questions, solution],
            turns=[split, Turn(asked=asked, replied=solution.text)],
            candidate=extract(state.task.kind, solution.text, state.task.choices, cut=solution.cut),
            independent=independent,
        )
