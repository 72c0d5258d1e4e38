"""Debate: several approaches, choose one, continue with it (RL of Thoughts, section 3: three plans, pick one)."""

import re

from pilotage.agent.blocks.base import Block
from pilotage.agent.blocks.steps import Exchanges
from pilotage.agent.kit import Kit
from pilotage.agent.prompting import ANSWER_FORM, is_apart
from pilotage.agent.state import State
from pilotage.agent.trace import Evidence, Step

PROPOSE = "Propose three different approaches to this task, numbered 1 to 3, one or two lines each. Do not solve it."
CHOOSE = "Which approach is the most reliable here? Reply with its number only."
CONTINUE = "Carry out approach {number}. Write each step on its own line with its arithmetic or reason. {form}"
CHOICE_GRAMMAR = 'root ::= "1" | "2" | "3"'
PROPOSE_TOKENS = 240
CHOOSE_TOKENS = 4


class Debate(Block):
    """Proposes three approaches, chooses one and carries it out. Three LLM calls."""

    name = "debate"

    def applicable(self, state: State) -> bool:
        return not state.trace.has(self.name)

    async def run(self, state: State, kit: Kit) -> Step:
        exchanges = Exchanges(self.name, state, kit, independent=is_apart(state))
        await exchanges.ask(PROPOSE, max_tokens=PROPOSE_TOKENS)
        chosen = await exchanges.ask(CHOOSE, max_tokens=CHOOSE_TOKENS, grammar=CHOICE_GRAMMAR)
        numbers = set(re.findall(r"[123]", chosen.text))
        if len(numbers) != 1:
            evidence = Evidence(note=f"the choice {chosen.text!r} names no single approach")
            return exchanges.step(candidate=None, evidence=evidence)
        await exchanges.ask(CONTINUE.format(number=numbers.pop(), form=ANSWER_FORM[state.task.kind]))
        return exchanges.step(candidate=exchanges.answer)
