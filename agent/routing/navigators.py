"""Navigators: who chooses the next block of a live run. A policy reads numbers; a navigator may also read the run.

Everything that is trained, recorded or replayed is a `Policy`. A `Navigator` is for what needs the text of a run, or a
call: it is asked at the same place of the graph, pays through the same kit, and holds no state either, so that a run
which was stopped goes on as it would have.
"""

from __future__ import annotations

from numbers import Integral
from typing import Protocol, cast, runtime_checkable

from pilotage.agent.blocks import Registry
from pilotage.agent.errors import UsageError
from pilotage.agent.kit import Kit
from pilotage.agent.routing.policies import Effort, policy_for
from pilotage.agent.state import State
from pilotage.navigator.policies.policy import Decision, Policy, for_task
from pilotage.navigator.spaces import ActionMask, Observation, ObservationSpec

LLM = "llm"
"""The name by which the model itself is the navigator."""

PROVEN = 0.6
"""Least posterior of a concept that has shown its worth: one that helped once and did no harm has 0.67."""


@runtime_checkable
class Navigator(Protocol):
    """Implement this to choose blocks by more than the observation; pass it to `ReasoningAgent` as its policy."""

    @property
    def name(self) -> str:
        """Short name for results."""
        ...

    async def navigate(self, now: State, observation: Observation, mask: ActionMask, kit: Kit) -> Decision:
        """The action to take, legal under the mask; what it asks goes through `kit`."""
        ...


class ExploreExploitNavigator:
    """Asks one policy where memory knows something that has shown its worth for the task, another one elsewhere.

    Memory keeps, and credits, what two routes reached. A policy that is trained to solve single tasks at little cost
    seldom takes the second: it exploits, and what memory could learn from goes by one that does. What a task is
    does not depend on whether its hints are withheld, so that a holdout compares like with like.

    Args:
        exploit: for tasks that memory has a proven concept for.
        explore: for all others.
        name: for results.
    """

    def __init__(self, exploit: Policy, explore: Policy, name: str) -> None:
        self.name = name
        self.exploit = exploit
        self.explore = explore

    async def navigate(self, now: State, observation: Observation, mask: ActionMask, kit: Kit) -> Decision:
        """What the one policy or the other takes."""
        by = self.exploit if is_known(now) else self.explore
        return for_task(by, now.task.id).decide(observation, mask)


def is_known(now: State) -> bool:
    """Whether the memory had a proven concept for the task when the run began, shown to it or withheld."""
    recalled = now.trace.recalled
    return any(hint.posterior >= PROVEN for hint in (*recalled.hints, *recalled.withheld))


async def choose(by: Policy | Navigator, now: State, observation: Observation, mask: ActionMask, kit: Kit) -> Decision:
    """What a policy or a navigator decides.

    Raises:
        UsageError: it returned something else than a decision.
    """
    if hasattr(by, "navigate"):  # a step's share of time that isinstance of a protocol takes is noticeable
        decision = await cast(Navigator, by).navigate(now, observation, mask, kit)
    else:
        decision = for_task(by, now.task.id).decide(observation, mask)
    if not isinstance(decision, Decision) or not isinstance(decision.action, Integral):
        raise UsageError(
            f"the policy {by.name!r} decided {decision!r:.80}: return navigator.Decision(action), with the place "
            "of the action in the mask"
        )
    return decision


def navigator_for(
    name: str | Policy | Navigator,
    registry: Registry,
    observations: ObservationSpec,
    seed: int = 0,
    effort: Effort = None,
    *,
    learning: bool = False,
) -> Policy | Navigator:
    """What a name stands for in a live run: `llm`, or a policy (see `pilotage.agent.routing.policies.policy_for`).

    Args:
        name: as above; a policy or a navigator stands for itself.
        registry: the blocks.
        observations: the features.
        seed: of a policy that draws.
        effort: `low`, `medium`, `high` or 0 to 1, for a policy that was trained with an effort input.
        learning: a memory learns from the runs: `default` is an `ExploreExploitNavigator` then, if no effort is set.

    Raises:
        UsageError: it stands for none, or has no effort to set.
    """
    if name != LLM and not isinstance(name, Navigator):
        policy = policy_for(name, registry.actions, observations, seed, effort)
        if not learning or effort is not None or not isinstance(name, str) or not name.endswith("default"):
            return policy
        explore = policy_for(f"{name.removesuffix('default')}rules", registry.actions, observations, seed)
        return ExploreExploitNavigator(policy, explore, policy.name)
    if effort is not None:
        label = name if isinstance(name, str) else name.name
        raise UsageError(f"--effort is for a policy trained with --effort-input, not for {label!r}")
    if isinstance(name, Navigator):
        return name
    from pilotage.agent.routing.llm_navigator import LLMNavigator

    return LLMNavigator(registry, policy_for("rules", registry.actions, observations))
