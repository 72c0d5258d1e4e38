"""The ordered registry of logic blocks: one list gives the action list, the masks, the graph's nodes and the docs.

A third party adds a block by an entry point in the group `pilotage.blocks`; such blocks follow the built-in ones, in
the order of their names, and `answer` stays last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points

from pilotage.agent.blocks.answer import Answer
from pilotage.agent.blocks.base import Block
from pilotage.agent.blocks.debate import Debate
from pilotage.agent.blocks.decompose import Decompose
from pilotage.agent.blocks.plan import Plan
from pilotage.agent.blocks.program import Program
from pilotage.agent.blocks.reason import Reason
from pilotage.agent.blocks.recall import Recall
from pilotage.agent.blocks.reflect import Reflect
from pilotage.agent.blocks.sample import Sample
from pilotage.agent.blocks.verify import Verify
from pilotage.agent.errors import UsageError
from pilotage.agent.state import State
from pilotage.navigator.spaces import ActionMask, ActionSpec

BUILT_IN: tuple[Block, ...] = (
    Reason(),
    Plan(),
    Decompose(),
    Program(),
    Debate(),
    Reflect(),
    Verify(),
    Sample(),
    Recall(),
    Answer(),
)

MIN_TOKENS_FOR_A_BLOCK = 64
"""With fewer tokens left than this, no block that asks the model could finish."""


GRAPH_NODES = ("begin", "observe", "navigate", "learn")
"""What the graph calls its own nodes, beside which those of the blocks stand."""

NAME = re.compile(r"[^\W_][\w-]*")


class Registry:
    """The blocks of an agent, in order; the terminal one last.

    Args:
        blocks: blocks with unique names, `answer` among them.

    Raises:
        UsageError: two blocks share a name, one cannot be a node of the graph, or `answer` is missing.
    """

    def __init__(self, blocks: Iterable[Block] = BUILT_IN) -> None:
        given = list(blocks)
        self._blocks = {block.name: block for block in given}
        if len(self._blocks) != len(given):
            raise UsageError(f"block names must be unique, but these were given: {[b.name for b in given]}")
        for name in self._blocks:
            if name in GRAPH_NODES or not NAME.fullmatch(str(name)):
                raise UsageError(
                    f"no block can be called {name!r}: use letters, digits, - and _, and none of "
                    f"{', '.join(GRAPH_NODES)}, which are the graph's own nodes"
                )
        if Answer.name not in self._blocks:
            raise UsageError("the registry needs the block 'answer', which ends every run")
        self.actions = ActionSpec(tuple(self._blocks), terminal=Answer.name)

    def __iter__(self) -> Iterator[Block]:
        return iter(self._blocks.values())

    def __getitem__(self, name: str) -> Block:
        return self._blocks[name]

    def mask(self, state: State) -> ActionMask:
        """Legal actions: the applicable blocks, or the answer alone at the step limit or when tokens run out."""
        if state.steps_left <= 1 or state.tokens_left < MIN_TOKENS_FOR_A_BLOCK:
            return self.actions.mask(())
        return self.actions.mask(name for name, block in self._blocks.items() if block.applicable(state))


def installed() -> Registry:
    """The built-in blocks and those that installed distributions add."""
    added = sorted(entry_points(group="pilotage.blocks"), key=lambda entry: entry.name)
    return Registry([*BUILT_IN[:-1], *(entry.load()() for entry in added), BUILT_IN[-1]])


__all__ = ["BUILT_IN", "Block", "Registry", "installed"]
