"""Verify: reach the result again by another method, unseen, then compare (cross-method agreement).

Asking a small model whether its answer is right gave no information (AUC 0.53); whether a second, independent
method reaches the same answer gave most. So the check never sees the candidate: a program is checked by reasoning,
reasoning by a program.
"""

from pilotage.agent.answers import normal_form
from pilotage.agent.blocks.base import Block
from pilotage.agent.blocks.program import instruction
from pilotage.agent.blocks.steps import programmed, reasoned
from pilotage.agent.kit import Kit
from pilotage.agent.prompting import ANSWER_FORM
from pilotage.agent.state import State
from pilotage.agent.trace import Step

BY_REASONING = "Solve this by hand, step by step. Write each step on its own line with its arithmetic or reason. {form}"


class Verify(Block):
    """Solves the task again by another method, without sight of the candidate, and compares. One LLM call."""

    name = "verify"

    def applicable(self, state: State) -> bool:
        return state.leader is not None and not state.trace.has(self.name) and state.task.kind != "program"

    async def run(self, state: State, kit: Kit) -> Step:
        leader = state.leader
        if state.abilities.sandbox and leader is not None and not leader.executed:
            step = await programmed(self.name, state, kit, instruction(state), independent=True)
        else:
            asked = BY_REASONING.format(form=ANSWER_FORM[state.task.kind])
            step = await reasoned(self.name, state, kit, asked, independent=True)
        evidence = step.evidence.model_copy(update={"verdict": verdict(state, step.candidate)})
        return step.model_copy(update={"evidence": evidence})


def verdict(state: State, candidate: str | None) -> str | None:
    """Compares with the leader so far; None where the check reached no answer of its own."""
    if candidate is None or state.leader is None:
        return None
    kind, choices = state.task.kind, state.task.choices
    same = normal_form(kind, candidate, choices) == normal_form(kind, state.leader.text, choices)
    return "agrees" if same else "disagrees"
