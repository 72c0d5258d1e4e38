"""Method: a strategy as the policy of a run, which does nothing else and answers with what it came to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeGuard

from pilotage.agent.blocks import Registry
from pilotage.agent.blocks.answer import shortest_prompt
from pilotage.agent.budget import Budget
from pilotage.agent.errors import UsageError
from pilotage.agent.models.named import NamedModels
from pilotage.agent.strategies import PREFIX, strategy_named
from pilotage.agent.strategies.macro import StrategyBlock, action_name, with_strategies
from pilotage.agent.task import Task
from pilotage.navigator.policies.policy import FixedPolicy
from pilotage.navigator.spaces import ActionSpec, ObservationSpec

if TYPE_CHECKING:
    from pilotage.agent.components import Components


class StrategyPolicy(FixedPolicy):
    """Runs a strategy, then answers.

    Args:
        spec: `strategy:NAME;key=value;…`.
        actions: with the strategy's block among them.
        observations: that tell which blocks were run.

    Raises:
        UsageError: the spec stands for no strategy.
    """

    def __init__(self, spec: str, actions: ActionSpec, observations: ObservationSpec) -> None:
        self.strategy = strategy_named(spec)
        super().__init__([action_name(self.strategy), actions.terminal], actions, observations)
        self.name = self.strategy.spec


def registry_with(policy: object, registry: Registry, blocks: Iterable[str] = ()) -> Registry:
    """The blocks of an agent with those that are strategies: its policy too, where that is one.

    Raises:
        UsageError: one stands for no strategy.
    """
    given = [*blocks, *([policy] if is_strategy(policy) else [])]
    if wrong := next((name for name in given if not is_strategy(name)), None):
        raise UsageError(f"{wrong!r:.80} is no strategy to have as a block: write {PREFIX}NAME;PARAMETER=VALUE")
    return with_strategies(registry, given)


def is_strategy(policy: object) -> TypeGuard[str]:
    """Whether a policy is given as a strategy."""
    return isinstance(policy, str) and policy.startswith(PREFIX)


def require_able(components: Components) -> None:
    """Raises UsageError where a strategy needs what models, machine or budget have not, before a call is paid.

    That goes for the policy, and for strategies among the blocks, which it may choose.
    """
    models = components.models or NamedModels(components.model)
    for block in components.registry:
        if isinstance(block, StrategyBlock):
            block.strategy.require_able(models, components.abilities, components.budget)


def require_room(policy: object, task: Task, budget: Budget) -> None:
    """Raises UsageError where a budget is too small for a strategy on a task, before a call is paid."""
    if isinstance(policy, StrategyPolicy):
        policy.strategy.require_room(shortest_prompt(task), budget)
