"""Macro: a configured strategy as one block, so that a run can use it and a navigator can choose it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from pilotage.agent.blocks import Registry
from pilotage.agent.blocks.base import Block, CutShort
from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.strategies import PREFIX, strategy_named
from pilotage.agent.strategies.base import Strategy
from pilotage.agent.trace import Step

OF_STRATEGY = "strategy."
"""What the name of a strategy's block begins with."""
PLAIN = re.compile(r"[\w.-]{1,24}")


class StrategyBlock(Block):
    """Runs a strategy as one step, once in a run.

    Its name says how the strategy is configured, so that two of them are two actions, and a recorded one stays what it
    was: `strategy.self-consistency+n=3`.

    Args:
        strategy: what it runs.
    """

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy
        self.name = action_name(strategy)

    @property
    def written_in(self) -> str:
        return type(self.strategy).__module__

    def applicable(self, state: State) -> bool:
        able = state.abilities.sandbox or not self.strategy.needs_sandbox
        return able and not state.trace.has(self.name) and self.strategy.applicable(state)

    async def run(self, state: State, kit: Kit) -> Step:
        try:
            return self._own(await self.strategy.run(state, kit))
        except CutShort as limit:
            raise CutShort(limit, self._own(limit.step)) from None

    def _own(self, step: Step) -> Step:
        return step.model_copy(update={"block": self.name})


def action_name(strategy: Strategy) -> str:
    """What the block of a strategy is called: its spec, in the characters that a name of a block may have."""
    name, *pairs = strategy.spec.removeprefix(PREFIX).split(";")
    return "+".join([f"{OF_STRATEGY}{name}", *map(_told, pairs)])


def spec_of(block: str) -> str:
    """How the strategy of a block is written, as far as the block's name says: long values stand there as hashes."""
    return PREFIX + block.removeprefix(OF_STRATEGY).replace("+", ";")


def strategy_of(block: str) -> str:
    """Name of the strategy that a block of this name runs; empty for another block."""
    return block.removeprefix(OF_STRATEGY).partition("+")[0] if block.startswith(OF_STRATEGY) else ""


def _told(pair: str) -> str:
    key, _, value = pair.partition("=")
    return f"{key}={value if PLAIN.fullmatch(value) else hashlib.sha256(value.encode()).hexdigest()[:8]}"


def specs_of(registry: Registry) -> dict[str, str]:
    """How the strategies among the blocks are written, by the names of their blocks."""
    return {block.name: block.strategy.spec for block in registry if isinstance(block, StrategyBlock)}


def with_strategies(registry: Registry, specs: Iterable[str]) -> Registry:
    """A registry with a block for each strategy, before the one that answers.

    Raises:
        UsageError: one stands for no strategy.
    """
    blocks = list(registry)
    there = {block.name for block in blocks}
    macros = [StrategyBlock(strategy_named(spec)) for spec in specs]
    new = {macro.name: macro for macro in macros if macro.name not in there}
    return Registry([*blocks[:-1], *new.values(), blocks[-1]], hint_tokens=registry.hint_tokens) if new else registry
