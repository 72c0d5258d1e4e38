"""Repair: a further pass goes on with the program that the pass before came to, by what it got wrong of the pairs.

So ArcMemo retries (Ho et al. 2025, section 4): the model is shown its last attempt and how that failed on training
pairs, and no test has a part in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pilotage.agent.arc.blocks import program, reflect
from pilotage.agent.arc.blocks.program import Program
from pilotage.agent.arc.blocks.sample import Sample
from pilotage.agent.arc.blocks.steps import programmed, tried
from pilotage.agent.blocks.sample import Route
from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.trace import Step, Trace, Turn


class RepairedProgram(Program):
    """Repairs the program of the pass before; writes one where there was none. One LLM call.

    Args:
        earlier: programs by the ids of their puzzles.
        temperature: at which it is asked.
    """

    def __init__(self, earlier: Mapping[str, str], temperature: float) -> None:
        super().__init__(temperature)
        self._earlier = earlier

    async def run(self, state: State, kit: Kit) -> Step:
        source = self._earlier.get(state.task.id)
        if source is None:
            return await super().run(state, kit)
        return await _repaired(self.name, state, kit, source, temperature=self.temperature)


class RepairedSample(Sample):
    """Draws one more repair of that program. One LLM call."""

    def __init__(self, earlier: Mapping[str, str], temperature: float, views: int) -> None:
        super().__init__(temperature, views)
        self._earlier = earlier

    async def draw(self, route: Route, number: int, state: State, kit: Kit) -> Step:
        source = self._earlier.get(state.task.id)
        if source is None or route != "program":
            return await super().draw(route, number, state, kit)
        return await _repaired(self.name, state, kit, source, temperature=self.temperature, sample=number)


async def _repaired(block: str, state: State, kit: Kit, source: str, **how: float) -> Step:
    """One call that sees the program and what it made of the pairs, and no other attempt."""
    shown = Turn(asked=program.PROMPT, replied=f"```python\n{source.strip()}\n```")
    before = Step(block=program.Program.name, turns=(shown,), **await tried(state, kit, source))
    seen = replace(state, trace=Trace(recalled=state.trace.recalled, steps=(before,)))
    return await programmed(block, seen, kit, reflect.PROMPT, continuing=True, **how)
