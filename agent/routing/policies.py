"""Who chooses the next block of a live run: policies and navigators, by name.

The names: `default`, `rules`, `one-bit`, `vote:3`, `agree:2`, `network`, `experience`, `random`,
`fixed:plan,program,answer`, `strategy:NAME;key=value`, a rule file, a trained policy's file, and `llm`; `epsilon=0.1:`
before a policy explores with a known share of the decisions. Everything that is trained, recorded or replayed is a
`Policy`, which reads numbers. A `Navigator` is for what needs the text of a run, a memory, or a call: it pays through
the same kit, and holds no state either, so that a run which was stopped goes on as it would have; one that reads a
memory goes on by what that knows then.
"""

from __future__ import annotations

from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from pilotage.agent.blocks import Registry
from pilotage.agent.errors import UsageError
from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.strategies import PREFIX as STRATEGY
from pilotage.agent.strategies import strategy_named
from pilotage.agent.strategies.method import StrategyPolicy, is_strategy
from pilotage.agent.tasks.source import did_you_mean
from pilotage.common.paths import expanded
from pilotage.common.plugins import accepts, described
from pilotage.navigator.errors import NavigatorError
from pilotage.navigator.policies import epsilon as exploring
from pilotage.navigator.policies.experience import NAME as EXPERIENCE
from pilotage.navigator.policies.policy import Decision, FixedPolicy, Policy, RandomPolicy, for_task
from pilotage.navigator.policies.policy_file import SUFFIX
from pilotage.navigator.policies.pretrained import FILE as SHIPPED_NETWORK
from pilotage.navigator.policies.pretrained import NAME as NETWORK
from pilotage.navigator.policies.pretrained import shipped
from pilotage.navigator.policies.rules import agreement
from pilotage.navigator.policies.rules.default import FILE as SHIPPED_DOUBT
from pilotage.navigator.policies.rules.default import NAME as DEFAULT
from pilotage.navigator.policies.rules.default import DefaultPolicy
from pilotage.navigator.policies.rules.one_bit import NAME as ONE_BIT
from pilotage.navigator.policies.rules.one_bit import one_bit
from pilotage.navigator.policies.rules.rule_file import load_rules
from pilotage.navigator.policies.rules.rule_policy import RulePolicy
from pilotage.navigator.spaces import ActionMask, ActionSpec, Observation, ObservationSpec

if TYPE_CHECKING:
    from pilotage.agent.experience.index import ExperienceIndex
    from pilotage.agent.experience.study import Study

Effort = str | float | None
"""`low`, `medium` or `high`; or 0 to 1 for a policy that was trained with an effort input; None sets none."""

PEER = "peer:"
"""What methods of other toolkits begin with, which are no policies."""
LLM = "llm"
"""The name by which the model itself is the navigator."""


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
            f"the policy {by.name!r} decided {decision!r:.80}: return pilotage.navigator.Decision(action), with the "
            "place of the action in the mask"
        )
    return decision


def navigator_for(
    name: str | Policy | Navigator,
    registry: Registry,
    observations: ObservationSpec,
    seed: int = 0,
    effort: Effort = None,
    *,
    experience: ExperienceIndex | None = None,
    study: Study | None = None,
) -> Policy | Navigator:
    """What a name stands for in a live run.

    It is `llm`, `experience`, or a policy (see `policy_for`); what is no name stands for itself.

    Args:
        name: as the module has it.
        registry: the blocks.
        observations: the features.
        seed: of one that draws.
        effort: for `default`, or one that was trained with an effort input.
        experience: what `experience` routes by; None where the agent has no memory to keep it in.
        study: with it, `default` also looks for what memory can learn, where that is expected to pay, if no effort is
            set (`pilotage.agent.experience.navigators.StudyNavigator`).

    Raises:
        UsageError: it stands for none, or has no effort to set.
    """
    if hasattr(name, "navigate") or name == LLM:
        if not isinstance(name, str):
            _require_written(name, "navigate", "async navigate(state, observation, mask, kit)", 4)
        if effort is not None:
            raise _no_effort(name)
        if isinstance(name, Navigator):
            return name
        from pilotage.agent.routing.llm_navigator import LLMNavigator

        return LLMNavigator(registry, policy_for("rules", registry.actions, observations))
    if name == EXPERIENCE:
        return _experienced(registry, observations, effort, experience)
    policy = policy_for(name, registry.actions, observations, seed, effort)
    if study is None or effort is not None or not isinstance(name, str) or not name.endswith(DEFAULT):
        return policy
    from pilotage.agent.experience.navigators import StudyNavigator

    explore = policy_for(f"{name.removesuffix(DEFAULT)}rules", registry.actions, observations, seed)
    return StudyNavigator(policy, explore, study, registry.actions, policy.name)


def _experienced(
    registry: Registry, observations: ObservationSpec, effort: Effort, experience: ExperienceIndex | None
) -> Navigator:
    if effort is not None:
        raise _no_effort(EXPERIENCE)
    if experience is None:
        raise UsageError(
            "the policy experience routes by what earlier runs came to, which a memory keeps: give the agent one "
            "(--memory FOLDER), with an observation preset that tells what a run did so far"
        )
    from pilotage.agent.experience.navigators import ExperienceNavigator

    return ExperienceNavigator(experience, registry.actions, observations)


def policy_for(
    name: str | Policy,
    actions: ActionSpec,
    observations: ObservationSpec,
    seed: int = 0,
    effort: Effort = None,
) -> Policy:
    """The policy that a name stands for; a policy stands for itself. `seed` is of one that draws.

    Raises:
        UsageError: it stands for none, or has no effort to set.
    """
    if not isinstance(name, str):
        _require_written(name, "decide", "decide(observation, mask)", 2)
        if effort is not None:
            raise _no_effort(name)
        return name
    try:
        return _policy_named(name, actions, observations, seed, effort)
    except NavigatorError as error:
        raise UsageError(str(error)) from error


def _policy_named(name: str, actions: ActionSpec, observations: ObservationSpec, seed: int, effort: Effort) -> Policy:
    if name.startswith(PEER):
        raise UsageError(
            f"{name!r:.80} is a method of another toolkit, which solves a task whole, and no policy: compare it with "
            "others by `pilotage bench --methods`"
        )
    if name.startswith(exploring.PREFIX):
        epsilon, base = exploring.parse(name)
        usual = policy_for(base, actions, observations, seed, effort)
        return exploring.EpsilonPolicy(usual, epsilon, actions, seed)
    if name.endswith(SUFFIX):
        from pilotage.navigator.policies.load import among, read

        trained = read(expanded(name), effort)
        trained.name = policy_label(name, effort)
        return among(trained, trained.header, actions, observations)
    of_runs = ("fixed:", STRATEGY, *agreement.PREFIXES)
    reads_the_run = name in (DEFAULT, "rules", ONE_BIT, NETWORK) or name.startswith(of_runs)
    if reads_the_run and "steps_taken" not in observations.names:
        raise UsageError(
            f"the policy {name!r} reads what the run did so far, which this observation preset leaves out: give a "
            "--policy that was trained with it, random, or another preset"
        )
    if name == DEFAULT:
        return DefaultPolicy(actions, observations, effort)
    if name == NETWORK:
        return shipped(actions, observations, effort)
    if effort is not None:
        raise _no_effort(name)
    if name == "rules":
        return RulePolicy(actions, observations)
    if name == ONE_BIT:
        return one_bit(actions, observations)
    if name.startswith(agreement.PREFIXES):
        return agreement.agreement(name, actions, observations)
    if name == "random":
        return RandomPolicy(actions, seed)
    if name.startswith("fixed:"):
        sequence = [entry.strip() for entry in name.removeprefix("fixed:").split(",") if entry.strip()]
        return FixedPolicy(sequence, actions, observations)
    if is_strategy(name):
        return StrategyPolicy(name, actions, observations)
    if name.endswith(".toml"):
        return load_rules(expanded(name), actions, observations)
    if name.startswith(f"{DEFAULT}@"):
        raise UsageError(f"write the effort of {name!r} apart: --policy {DEFAULT} --effort {name.partition('@')[2]}")
    if name in (LLM, EXPERIENCE):
        reads = "asks the model" if name == LLM else "reads a memory"
        raise UsageError(f"the policy {name} {reads}, so it is for live runs alone: pilotage solve --policy {name}")
    known = (DEFAULT, "rules", ONE_BIT, *agreement.FORMS, NETWORK, EXPERIENCE, "random", LLM, "fixed:", STRATEGY)
    raise UsageError(
        f"unknown policy {name!r:.80}{did_you_mean(name, known)}; use default, rules, one-bit, "
        f"{', '.join(agreement.FORMS)}, network, experience, random, llm, {STRATEGY}<name>, "
        f"a trained policy ({SUFFIX}), a rule file (.toml), or fixed:<block>,... with "
        f"blocks from {', '.join(actions.names)}; epsilon=0.1: before it explores"
    )


def _require_written(given: object, method: str, form: str, arguments: int) -> None:
    """Raises UsageError where an object is not written as what chooses blocks: before any call of a model."""
    if isinstance(given, type):
        raise UsageError(f"policy is the class {given.__name__}: give an object of it, {given.__name__}()")
    lacks = "" if isinstance(getattr(given, "name", None), str) else "no `name` that is a text"
    if not accepts(getattr(given, method, None), *[None] * arguments):
        lacks += f"{' and ' if lacks else ''}no method `{form}`"
    if lacks:
        raise UsageError(
            f"policy is {described(given)}, which has {lacks}: give the name of one, or an object with a `name` and "
            "`decide(observation, mask)` or `async navigate(state, observation, mask, kit)`"
        )


def _no_effort(name: str | Policy | Navigator) -> UsageError:
    label = name if isinstance(name, str) else name.name
    return UsageError(f"--effort is for the default policy, or one trained with --effort-input, not for {label!r}")


def policy_file(name: str) -> Path | None:
    """The file that a policy of that name is read from, or that its strategy reads, if there is one.

    One that is shipped may differ between versions.
    """
    if name in (DEFAULT, NETWORK):
        return SHIPPED_DOUBT if name == DEFAULT else SHIPPED_NETWORK
    if name.startswith(exploring.PREFIX):
        return policy_file(exploring.parse(name)[1])
    if name.startswith(STRATEGY):
        reads = strategy_named(name).reads
        return expanded(reads) if reads else None
    return expanded(name) if name.endswith((".toml", SUFFIX)) else None


def policy_label(name: str, effort: Effort = None, folders: int = 0) -> str:
    """What results call the policy of that name: of a file its name, with the effort if one is set.

    Args:
        name: of the policy.
        effort: of the policy.
        folders: how many of the folders that a file lies in are told.
    """
    if name.startswith(exploring.PREFIX):
        epsilon, base = exploring.parse(name)
        return exploring.named(epsilon, policy_label(base, effort, folders))
    if name.startswith(STRATEGY):
        return name
    told = Path(*Path(name).parts[-1 - folders :])
    if name.endswith(".toml"):
        return f"rules:{told}"
    if name.endswith(SUFFIX):
        name = f"learned:{told}"
    return name if effort is None else f"{name}@{effort}"
