"""Sample: one more independent draw of the leading route (Self-Consistency, Wang et al. 2023).

A draw starts from the task alone, at a temperature, so that its agreement with what was reached before is evidence.
Asked for again and again while the draws disagree it is adaptive consistency (Aggarwal et al. 2023); when to stop is
the navigator's decision, until `LEAD` settles it.
"""

from __future__ import annotations

from typing import Literal

from pilotage.agent.blocks import program, reason
from pilotage.agent.blocks.base import Block
from pilotage.agent.blocks.steps import programmed, reasoned
from pilotage.agent.kit import Kit
from pilotage.agent.prompting import ANSWER_FORM
from pilotage.agent.state import State
from pilotage.agent.trace import Step

TEMPERATURE = 0.7
MAX_DRAWS = 8
LEAD = 3
"""An answer that is this many routes ahead of the next one is settled: one more draw cannot change who leads."""

Route = Literal["program", "reason"]


class Sample(Block):
    """Draws the leading route once more, by itself and at a temperature, to agree or not. One LLM call."""

    name = "sample"

    def applicable(self, state: State) -> bool:
        route = leading_route(state)
        if route is None or state.trace.count(self.name) >= MAX_DRAWS or is_settled(state):
            return False
        return route == "reason" or state.abilities.sandbox

    async def run(self, state: State, kit: Kit) -> Step:
        route = leading_route(state)
        # Numbered by route, so that the second draw of a program is the same one whatever was drawn beside it.
        number = 1 + sum(step.block == self.name and route_of(step) == route for step in state.trace.steps)
        return await self.draw(route or "reason", number, state, kit)

    async def draw(self, route: Route, number: int, state: State, kit: Kit) -> Step:
        """One draw of a route."""
        if route == "program":
            asked = program.instruction(state)
            return await programmed(
                self.name, state, kit, asked, independent=True, temperature=TEMPERATURE, sample=number
            )
        asked = reason.PROMPT.format(form=ANSWER_FORM[state.task.kind])
        return await reasoned(self.name, state, kit, asked, independent=True, temperature=TEMPERATURE, sample=number)


def route_of(step: Step) -> Route:
    """By which of the two ways a step sought its answer."""
    return "reason" if step.evidence.program is None else "program"


def leading_route(state: State) -> Route | None:
    """The way that the leading answer was reached first, or where there is none the last attempt; None before any."""
    if state.task.kind == "open":
        return None
    attempts = state.leader.steps if state.leader else [s for s in reversed(state.trace.steps) if not s.prepares]
    return route_of(attempts[0]) if attempts else None


def is_settled(state: State) -> bool:
    """Whether one answer leads by so many routes, or passes all worked examples, that another draw is for nothing."""
    if state.leader is None:
        return False
    second = state.candidates[1].routes if len(state.candidates) > 1 else 0
    return state.leader.examples_passed == 1.0 or state.leader.routes - second >= LEAD
