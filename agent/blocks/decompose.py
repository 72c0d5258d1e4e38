"""Decompose: list the sub-problems, then solve them in order (Least-to-Most, Zhou et al. 2023; RL of Thoughts)."""

from pilotage.agent.blocks.base import Block
from pilotage.agent.blocks.steps import Exchanges
from pilotage.agent.kit import Kit
from pilotage.agent.prompting import ANSWER_FORM, is_apart
from pilotage.agent.state import State
from pilotage.agent.trace import Step

SPLIT = "Split this task into two to four smaller questions, one short line each. Do not answer them yet."
SPLIT_TOKENS = 120
SOLVE = "Answer these questions in order, each on its own line with its arithmetic or reason. {form}"


class Decompose(Block):
    """Splits the task into smaller questions and answers them in order. Two LLM calls."""

    name = "decompose"

    def applicable(self, state: State) -> bool:
        return not state.trace.has(self.name)

    async def run(self, state: State, kit: Kit) -> Step:
        exchanges = Exchanges(self.name, state, kit, independent=is_apart(state))
        await exchanges.ask(SPLIT, max_tokens=SPLIT_TOKENS)
        await exchanges.ask(SOLVE.format(form=ANSWER_FORM[state.task.kind]))
        return exchanges.step(candidate=exchanges.answer)
