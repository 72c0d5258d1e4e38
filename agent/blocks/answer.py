"""Answer: ends the run with the candidate that has the most evidence, or asks for a direct answer if there is none."""

from pilotage.agent.blocks.base import Block, CutShort
from pilotage.agent.blocks.reply import replied
from pilotage.agent.blocks.steps import Exchanges
from pilotage.agent.errors import BudgetExceeded
from pilotage.agent.kit import Kit
from pilotage.agent.models.quiet import quiet
from pilotage.agent.prompting import describe, system
from pilotage.agent.state import State
from pilotage.agent.task import Task
from pilotage.agent.trace import Evidence, Step

DIRECT = {
    "numeric": ("Reply with the number alone.", 24),
    "choice": ("Reply with the letter alone.", 8),
    "text": ("Reply with the answer alone.", 256),
    "program": ("Reply with the complete Python program in one ```python block.", 512),
    "grid": ("Reply with the grid alone, as a JSON list of rows.", 512),
}
OPEN = ""
"""An open task is sent as it stands."""
AFTER_WORK = "Now reply to the task itself."
OPEN_TOKENS = 4096
"""A reply to an open task may be as long as the budget has room for, up to what most models can write."""


def shortest_prompt(task: Task) -> str:
    """The shortest prompt that a run sends: the task and the request for a direct answer."""
    asked = OPEN if task.kind == "open" else DIRECT[task.kind][0]
    return system(task) + f"{describe(task)}\n\n{asked}".strip()


class Answer(Block):
    """Ends the run: chooses a candidate by evidence, without a call of the model, or asks for a direct answer."""

    name = "answer"

    def applicable(self, state: State) -> bool:
        return True

    async def run(self, state: State, kit: Kit) -> Step:
        if state.task.messages:
            return await replied(self.name, state, kit)
        leader = state.leader
        if leader is not None:
            note = f"reached by {leader.routes} of {state.routes} routes"
            return kit.step(self.name, [], candidate=leader.text, evidence=Evidence(note=note))
        task = state.task
        if task.kind == "open" or (task.inferred and state.trace.steps):
            return await self._reply(state, kit)  # or no step found an answer of the inferred kind
        exchanges, (asked, max_tokens) = Exchanges(self.name, state, kit), DIRECT[task.kind]
        with quiet():  # what is shown is the answer that is parsed from this reply
            reply = await exchanges.ask(asked, max_tokens=max_tokens)
        candidate = exchanges.answer
        if candidate is None and task.inferred:
            return await self._reply(state, kit)
        if candidate is None and task.kind == "text" and not reply.cut:
            candidate = reply.text.strip() or None
        return exchanges.step(candidate=candidate)

    async def _reply(self, state: State, kit: Kit) -> Step:
        """The whole reply is the answer; nothing is parsed out of it, and the evidence says whether it was cut.

        The steps of an open task are shown to the model. Steps that looked for an answer of an inferred kind and found
        none are not: they would mislead it.
        """
        material = state.task.kind == "open" and bool(state.trace.steps)
        exchanges = Exchanges(self.name, state, kit, independent=not material)
        try:
            reply = await exchanges.ask(AFTER_WORK if material else OPEN, max_tokens=OPEN_TOKENS)
        except BudgetExceeded as limit:
            text = limit.streamed.strip()
            if not text:
                raise
            step = kit.step(self.name, [], candidate=text, evidence=Evidence(note=f"the reply is cut: {limit}"))
            raise CutShort(limit, step.model_copy(update={"text": text, "cut": True})) from None
        evidence = Evidence(note="the reply is cut: it reached its limit of tokens" if reply.cut else None)
        return exchanges.step(candidate=reply.text.strip() or None, evidence=evidence, independent=False)
