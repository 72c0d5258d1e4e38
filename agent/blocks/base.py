"""Block: one kind of reasoning step. Implement `applicable` and `run`, register it, and the navigator can choose it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from pilotage.agent.errors import BudgetExceeded
from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.trace import Step

ROUTES = "fresh"
"""What a bank's header says of what its blocks read (see `pilotage.agent.prompting`). Older banks say nothing."""


class CutShort(BudgetExceeded):
    """A limit of the budget ended a block's run, which has something to show all the same."""

    def __init__(self, limit: BudgetExceeded, step: Step) -> None:
        super().__init__(limit.limit, str(limit), failing=limit.failing, streamed=limit.streamed)
        self.step = step


class Block(ABC):
    """One logic block.

    A block holds no state: all it knows comes in `state`, all it may do goes through `kit`. Its class docstring's
    first line is its description in docs and reports.
    """

    name: str

    @property
    def written_in(self) -> str:
        """Name of the module that has its prompts."""
        return type(self).__module__

    @abstractmethod
    def applicable(self, state: State) -> bool:
        """Whether running this block now can bring anything new; the navigator's mask."""

    @abstractmethod
    async def run(self, state: State, kit: Kit) -> Step:
        """Does the work. Whatever could not be parsed leaves the candidate None: a miss, never a guess."""
