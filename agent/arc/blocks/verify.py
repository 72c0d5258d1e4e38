"""Verify: write the outputs down from another view of the puzzle, turned and in other colours, and compare.

A rule survives that, and what a model takes from the place or the colour of a cell does not. The view is undone before
outputs are compared (augmentation voting; Akyürek et al. 2024, section 5).
"""

from dataclasses import replace

from pilotage.agent.arc.augment import Augmentation
from pilotage.agent.arc.blocks import reason
from pilotage.agent.arc.blocks.steps import drawn
from pilotage.agent.arc.tasks import encoding_of, outputs_in, puzzle_of, task_of, written
from pilotage.agent.blocks.base import Block
from pilotage.agent.blocks.verify import verdict
from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.trace import Step


class Verify(Block):
    """Writes the outputs down from another view of the puzzle, without sight of a candidate. One LLM call."""

    name = "verify"

    def applicable(self, state: State) -> bool:
        return state.leader is not None and not state.trace.has(self.name)

    async def run(self, state: State, kit: Kit) -> Step:
        view = Augmentation.drawn(kit.seed)
        seen = task_of(view.of_puzzle(puzzle_of(state.task)), encoding=encoding_of(state.task))
        apart = replace(state, task=seen)
        step = await drawn(self.name, apart, kit, reason.asked(apart), independent=True)
        step = step.model_copy(update={"turns": ()})  # grids of another view are nothing for later blocks to read
        if step.candidate is None:
            return step
        candidate = written(tuple(map(view.undone, outputs_in(step.candidate))))
        evidence = step.evidence.model_copy(update={"verdict": verdict(state, candidate)})
        return step.model_copy(update={"candidate": candidate, "evidence": evidence})
