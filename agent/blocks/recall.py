"""Recall: ask memory again with what is known now (ArcMemo's reselection, section 3)."""

from pilotage.agent.blocks.base import Block
from pilotage.agent.kit import HINT_TOKENS, Kit
from pilotage.agent.state import State
from pilotage.agent.trace import Evidence, Step

KNOWN_CHARACTERS = 400


class Recall(Block):
    """Asks memory again with what the last attempt showed, and passes on what is new. Up to two LLM calls."""

    name = "recall"

    def __init__(self, hint_tokens: int = HINT_TOKENS) -> None:
        self.hint_tokens = hint_tokens

    def applicable(self, state: State) -> bool:
        return state.abilities.memory and state.last is not None and not state.trace.has(self.name)

    async def run(self, state: State, kit: Kit) -> Step:
        shown = frozenset(hint.concept_id for hint in state.trace.hints)
        recalled = await kit.recall(state.task.about, self.hint_tokens, exclude=shown, tried=known(state))
        fresh = [hint for hint in recalled.hints if hint.concept_id not in shown]
        if not fresh:
            return kit.step(self.name, [], evidence=Evidence(note="memory has nothing new to offer"))
        return kit.step(self.name, [], result=recalled.text, hints=fresh)


def known(state: State) -> str:
    """What the run so far adds to the task: how the newest failure looked, else the end of the newest step."""
    failed = [step for step in state.trace.steps if step.evidence.program == "failed"]
    if failed:
        newest = failed[-1]
        return (newest.evidence.error or newest.result or newest.text)[-KNOWN_CHARACTERS:]
    return state.last.text[-KNOWN_CHARACTERS:] if state.last else ""
