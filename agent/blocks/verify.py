"""Verify: reach the result again by another method, unseen, then compare (cross-method agreement).

Asking a small model whether its answer is right told nothing (AUC 0.53); whether a second, independent method reaches
the same answer told most. So the check never sees the candidate: a program is checked by reasoning, reasoning by a
program.
"""

from agent.answers import extract, normal_form
from agent.blocks import program
from agent.blocks.base import Block
from agent.kit import Kit
from agent.programs import run_program
from agent.prompting import ANSWER_FORM
from agent.state import State
from agent.trace import Evidence, Step, Turn

BY_REASONING = "Solve this by hand, step by step. Write each step on its own line with its arithmetic or reason. {form}"


class Verify(Block):
    """Solves the task again by another method, without sight of the candidate, and compares. One LLM call."""

    name = "verify"

    def applicable(self, state: State) -> bool:
        return state.leader is not None and not state.trace.has(self.name) and state.task.kind != "program"

    async def run(self, state: State, kit: Kit) -> Step:
        leader = state.leader
        by_program = state.abilities.sandbox and leader is not None and not leader.executed
        return await (self._by_program if by_program else self._by_reasoning)(state, kit)

    async def _by_program(self, state: State, kit: Kit) -> Step:
        asked = program.instruction(state)
        reply = await kit.ask(state, asked, max_tokens=400, independent=True)
        outcome = await run_program(state, kit, reply.text)
        return kit.step(
            self.name,
            [reply],
            turns=[Turn(asked=asked, replied=reply.text)],
            result=outcome.result,
            candidate=outcome.candidate,
            independent=True,
            evidence=outcome.evidence.model_copy(update={"verdict": verdict(state, outcome.candidate)}),
            program=outcome.source,
        )

    async def _by_reasoning(self, state: State, kit: Kit) -> Step:
        asked = BY_REASONING.format(form=ANSWER_FORM[state.task.kind])
        reply = await kit.ask(state, asked, max_tokens=400, independent=True)
        candidate = extract(state.task.kind, reply.text, state.task.choices)
        return kit.step(
            self.name,
            [reply],
            turns=[Turn(asked=asked, replied=reply.text)],
            candidate=candidate,
            independent=True,
            evidence=Evidence(verdict=verdict(state, candidate)),
        )


def verdict(state: State, candidate: str | None) -> str | None:
    """Compares with the leader so far; None where the check reached no answer of its own."""
    if candidate is None or state.leader is None:
        return None
    kind, choices = state.task.kind, state.task.choices
    same = normal_form(kind, candidate, choices) == normal_form(kind, state.leader.text, choices)
    return "agrees" if same else "disagrees"
