"""Method: a strategy as the policy of a run, which does nothing else and answers with what it came to."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeGuard, runtime_checkable

from pilotage.agent.blocks import Registry
from pilotage.agent.blocks.answer import shortest_prompt
from pilotage.agent.budget import Budget
from pilotage.agent.errors import UsageError
from pilotage.agent.models.named import NamedModels
from pilotage.agent.strategies import PREFIX, from_a_stranger, strategy_named
from pilotage.agent.strategies.macro import StrategyBlock, action_name, spec_of, strategy_of, with_strategies
from pilotage.agent.task import Task
from pilotage.common.paths import expanded
from pilotage.navigator.errors import NavigatorError
from pilotage.navigator.policies import epsilon as exploring
from pilotage.navigator.policies.policy import FixedPolicy
from pilotage.navigator.policies.policy_file import SUFFIX, Header, read_header
from pilotage.navigator.policies.rules.agreement import AgreementPolicy
from pilotage.navigator.spaces import ActionSpec, ObservationSpec

if TYPE_CHECKING:
    from pilotage.agent.components import Components

REMEDY = "if it is yours, give it by --blocks (in Python, blocks=[...]); else train anew"


@runtime_checkable
class NeedsRoom(Protocol):
    """A policy that knows what it needs at least."""

    def require_room(self, task: Task, budget: Budget) -> None:
        """Raises BeyondBudget where a budget cannot hold that on a task."""


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

    def require_room(self, task: Task, budget: Budget) -> None:
        """Raises BeyondBudget where a budget cannot hold the calls that the strategy needs on a task."""
        self.strategy.require_room(shortest_prompt(task), budget)


def registry_with(policy: object, registry: Registry, blocks: Iterable[str] = ()) -> Registry:
    """The blocks of an agent with those that are strategies: its policy too, or those that its policy file chooses.

    Raises:
        UsageError: one stands for no strategy, or the file chooses one that it may not bring.
    """
    given = [*blocks, *([policy] if is_strategy(policy) else [])]
    if wrong := next((name for name in given if not is_strategy(name)), None):
        raise UsageError(f"{wrong!r:.80} is no strategy to have as a block: write {PREFIX}NAME;PARAMETER=VALUE")
    registry = with_strategies(registry, given)
    if not isinstance(policy, str) or is_strategy(policy) or not policy.endswith(SUFFIX):
        return registry
    try:
        file = expanded(_followed(policy))
        header = read_header(file)
    except NavigatorError as error:
        raise UsageError(str(error)) from error
    return with_strategies(registry, _chosen_by(header, file, registry))


def _followed(policy: str) -> str:
    """The policy that an exploring one follows; any other is itself."""
    return _followed(exploring.parse(policy)[1]) if policy.startswith(exploring.PREFIX) else policy


def _chosen_by(header: Header, file: Path, registry: Registry) -> list[str]:
    """The strategies that a policy file chooses among and the registry has not.

    A file may come from anybody: it brings none that asks another model or reads a file of its choice.
    """
    noted, specs = header.bank.get("strategies"), []
    for action in header.actions.names:
        if strategy_of(action) and action not in registry.actions.names:
            spec = noted.get(action) if isinstance(noted, dict) else None
            specs.append(spec if isinstance(spec, str) else spec_of(action))
            try:
                with from_a_stranger():
                    is_it = action_name(strategy_named(specs[-1])) == action
            except UsageError as error:
                what = f"{file} chooses {action!r:.200}, which it cannot bring ({error})"
                raise UsageError(f"{what}; {REMEDY}") from error
            if not is_it:
                raise UsageError(f"{file} chooses {action!r:.200} and says that it is another; {REMEDY}")
    return specs


def is_strategy(policy: object) -> TypeGuard[str]:
    """Whether a policy is given as a strategy."""
    return isinstance(policy, str) and policy.startswith(PREFIX)


def require_able(components: Components) -> None:
    """Raises UsageError where a strategy needs what models, machine or budget have not, before a call is paid.

    That goes for the policy, also one that draws again, and for strategies among the blocks, which it may choose.
    """
    policy = components.policy
    while isinstance(policy, exploring.EpsilonPolicy):  # what explores now and then draws as its base does
        policy = policy.base
    if isinstance(policy, AgreementPolicy):
        components.budget.require_steps(policy.least_steps, policy.name)
    models = components.models or NamedModels(components.model)
    for block in components.registry:
        if isinstance(block, StrategyBlock):
            block.strategy.require_able(models, components.abilities, components.budget)


def require_room(policy: object, task: Task, budget: Budget) -> None:
    """Raises BeyondBudget where a budget is too small for a policy on a task, before a call is paid."""
    if isinstance(policy, NeedsRoom):
        policy.require_room(task, budget)
