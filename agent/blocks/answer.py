"""Answer: ends the run. With candidates it chooses by evidence, with none it asks for a short direct answer."""

from agent.answers import extract
from agent.blocks.base import Block
from agent.kit import Kit
from agent.state import State
from agent.trace import Evidence, Step, Turn

DIRECT = {
    "numeric": ("Reply with the number alone.", 24),
    "choice": ("Reply with the letter alone.", 8),
    "text": ("Reply with the answer alone.", 256),
    "program": ("Reply with the complete Python program in one ```python block.", 512),
    "grid": ("Reply with the grid alone, as a JSON list of rows.", 512),
}


class Answer(Block):
    """Ends: chooses among candidates by evidence without an LLM call, or asks for a short direct answer."""

    name = "answer"

    def applicable(self, state: State) -> bool:
        return True

    async def run(self, state: State, kit: Kit) -> Step:
        leader = state.leader
        if leader is not None:
            note = f"reached by {leader.routes} of {sum(c.routes for c in state.candidates)} routes"
            return kit.step(self.name, [], candidate=leader.text, evidence=Evidence(note=note))
        asked, max_tokens = DIRECT[state.task.kind]
        reply = await kit.ask(state, asked, max_tokens=max_tokens)
        candidate = extract(state.task.kind, reply.text, state.task.choices, cut=reply.cut)
        if candidate is None and state.task.kind == "text" and not reply.cut:
            candidate = reply.text.strip() or None
        return kit.step(self.name, [reply], turns=[Turn(asked=asked, replied=reply.text)], candidate=candidate)
