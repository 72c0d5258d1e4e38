"""Verify: write the outputs down from a view of the puzzle that `reason` did not see, and compare with the leader."""

from pilotage.agent.arc.augment import Augmentation
from pilotage.agent.arc.blocks import reason
from pilotage.agent.arc.blocks.views import drawn_from
from pilotage.agent.blocks.base import Block
from pilotage.agent.blocks.verify import verdict
from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.trace import Step


class Verify(Block):
    """Writes the outputs down from another view of the puzzle, without sight of a candidate. One LLM call.

    Args:
        views: that `reason` is asked from; this is a further one.
    """

    name = "verify"

    def __init__(self, views: int = 1) -> None:
        self.views = views

    def applicable(self, state: State) -> bool:
        return state.leader is not None and not state.trace.has(self.name)

    async def run(self, state: State, kit: Kit) -> Step:
        view = Augmentation.view(self.views, kit.seed)
        step = await drawn_from(view, self.name, state, kit, reason.asked(state), independent=True)
        evidence = step.evidence.model_copy(update={"verdict": verdict(state, step.candidate)})
        return step.model_copy(update={"evidence": evidence})
