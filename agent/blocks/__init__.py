"""The ordered registry of logic blocks: one list gives the action list, the masks, the graph's nodes and the docs.

A third party adds a block by an entry point in the group `pilotage.blocks`; such blocks follow the built-in ones, in
the order of their names, and `answer` stays last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint

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
from pilotage.agent.kit import HINT_TOKENS
from pilotage.agent.state import State
from pilotage.common.plugins import described, label, loaded, plugins
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

NAME = re.compile(r"[^\W_][\w.+=-]*")


class Registry:
    """The blocks of an agent, in order; the terminal one last.

    Args:
        blocks: blocks with unique names, `answer` among them.
        hint_tokens: what the hints that a run starts with may cost.

    Raises:
        UsageError: one is no block, two share a name, one cannot be a node of the graph, or `answer` is missing.
    """

    def __init__(self, blocks: Iterable[Block] = BUILT_IN, *, hint_tokens: int = HINT_TOKENS) -> None:
        self.hint_tokens = hint_tokens
        given = [_require_block(block, "what the registry was given") for block in blocks]
        self._blocks = {block.name: block for block in given}
        if len(self._blocks) != len(given):
            raise UsageError(f"block names must be unique, but these were given: {[b.name for b in given]}")
        for name in self._blocks:
            if name in GRAPH_NODES or not NAME.fullmatch(str(name)):
                raise UsageError(
                    f"no block can be called {name!r}: use letters, digits and . + = - _, a letter or digit first, "
                    f"and none of {', '.join(GRAPH_NODES)}, which are the graph's own nodes"
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
    """The built-in blocks and those that installed distributions add.

    Raises:
        UsageError: one of these cannot be loaded, or is none.
    """
    return Registry([*BUILT_IN[:-1], *map(_block_of, plugins("pilotage.blocks").values()), BUILT_IN[-1]])


def _block_of(entry: EntryPoint) -> Block:
    given = loaded(entry, UsageError)
    try:
        made = given if isinstance(given, Block) else given()
    except Exception as error:  # a class of somebody else may raise anything
        raise UsageError(f"{label(entry)} is no block that can be made ({type(error).__name__}: {error})") from error
    return _require_block(made, label(entry))


def _require_block(given: object, what: str) -> Block:
    if not isinstance(given, Block) or not isinstance(getattr(given, "name", None), str):
        raise UsageError(
            f"{what} is {described(given)}, which is no block: make one of a subclass of `pilotage.agent.Block` with a "
            "`name`"
        )
    return given


__all__ = ["BUILT_IN", "Block", "Registry", "installed"]
