"""Debate: several approaches, choose one, continue with it (RL of Thoughts, section 3: three plans, pick one)."""

import re

from pilotage.agent.answers import extract
from pilotage.agent.blocks.base import Block
from pilotage.agent.kit import Kit
from pilotage.agent.prompting import ANSWER_FORM, is_apart
from pilotage.agent.state import State
from pilotage.agent.trace import Evidence, Step, Turn

PROPOSE = "Propose three different approaches to this task, numbered 1 to 3, one or two lines each. Do not solve it."
CHOOSE = "Which approach is the most reliable here? Reply with its number only."
CONTINUE = "Carry out approach {number}. Write each step on its own line with its arithmetic or reason. {form}"
CHOICE_GRAMMAR = 'root ::= "1" | "2" | "3"'


class Debate(Block):
    """Proposes three approaches, chooses one and carries it out. Three LLM calls."""

    name = "debate"

    def applicable(self, state: State) -> bool:
        return not state.trace.has(self.name)

    async def run(self, state: State, kit: Kit) -> Step:
        independent = is_apart(state)
        proposed = await kit.ask(state, PROPOSE, max_tokens=240, independent=independent)
        turns = [Turn(asked=PROPOSE, replied=proposed.text)]
        chosen = await kit.ask(
            state, CHOOSE, max_tokens=4, turns=turns, independent=independent, grammar=CHOICE_GRAMMAR
        )
        turns.append(Turn(asked=CHOOSE, replied=chosen.text))
        numbers = set(re.findall(r"[123]", chosen.text))
        if len(numbers) != 1:
            evidence = Evidence(note=f"the choice {chosen.text!r} names no single approach")
            return kit.step(
                self.name,
                [proposed, chosen],
                turns=turns,
                candidate=None,
                independent=independent,
                evidence=evidence,
            )
        asked = CONTINUE.format(number=numbers.pop(), form=ANSWER_FORM[state.task.kind])
        carried = await kit.ask(state, asked, max_tokens=400, turns=turns, independent=independent)
        turns.append(Turn(asked=asked, replied=carried.text))
        return kit.step(
            self.name,
            [proposed, chosen, carried],
            turns=turns,
            candidate=extract(state.task.kind, carried.text, state.task.choices, cut=carried.cut),
            independent=independent,
        )
