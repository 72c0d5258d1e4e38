"""Recall: ask memory again with what is known now (ArcMemo's reselection, section 3)."""

from agent.blocks.base import Block
from agent.kit import Kit
from agent.state import State
from agent.trace import Evidence, Step

HINT_TOKENS = 160
KNOWN_CHARACTERS = 400


class Recall(Block):
    """Asks memory with the task and the newest step as query, and tells later blocks what is new. No LLM call."""

    name = "recall"

    def applicable(self, state: State) -> bool:
        return state.abilities.memory and state.last is not None and not state.trace.has(self.name)

    async def run(self, state: State, kit: Kit) -> Step:
        known = state.last.text[-KNOWN_CHARACTERS:] if state.last else ""
        recalled = await kit.recall(f"{state.task.prompt}\n{known}".strip(), HINT_TOKENS)
        before = {hint.concept_id for hint in state.trace.hints}
        fresh = tuple(hint for hint in recalled.hints if hint.concept_id not in before)
        if not fresh:
            return kit.step(self.name, [], evidence=Evidence(note="memory has nothing new to offer"))
        return kit.step(self.name, [], result=recalled.text, hints=fresh)
