"""Policies by name: `default`, `rules`, `one-bit`, `random`, `fixed:plan,program,answer`, a rule file or a policy file.

`epsilon=0.1:` before any of them explores with a known share of the decisions.
"""

from __future__ import annotations

from pathlib import Path

from pilotage.agent.errors import UsageError
from pilotage.common.paths import expanded
from pilotage.navigator.errors import NavigatorError
from pilotage.navigator.policies import epsilon as exploring
from pilotage.navigator.policies.one_bit import NAME as ONE_BIT
from pilotage.navigator.policies.one_bit import one_bit
from pilotage.navigator.policies.policy import FixedPolicy, Policy, RandomPolicy
from pilotage.navigator.policies.policy_file import SUFFIX
from pilotage.navigator.policies.pretrained import shipped
from pilotage.navigator.policies.rule_file import load_rules
from pilotage.navigator.policies.rules import RulePolicy
from pilotage.navigator.spaces import ActionSpec, ObservationSpec

Effort = str | float | None


def policy_for(
    name: str | Policy,
    actions: ActionSpec,
    observations: ObservationSpec,
    seed: int = 0,
    effort: Effort = None,
) -> Policy:
    """The policy that a name stands for; a policy stands for itself.

    Args:
        name: as above.
        actions: the action list.
        observations: the features.
        seed: of a policy that draws.
        effort: `low`, `medium`, `high` or 0 to 1, for a policy that was trained with an effort input.

    Raises:
        UsageError: it stands for none, or has no effort to set.
    """
    try:
        if isinstance(name, str) and name.startswith(exploring.PREFIX):
            epsilon, base = exploring.parse(name)
            usual = policy_for(base, actions, observations, seed, effort)
            return exploring.EpsilonPolicy(usual, epsilon, actions, seed)
        if isinstance(name, str) and name.endswith(SUFFIX):
            from pilotage.navigator.policies.load import among, read

            trained = read(expanded(name), effort)
            trained.name = policy_label(name, effort)
            return among(trained, trained.header, actions, observations)
        if isinstance(name, str) and name in ("default", "rules", ONE_BIT) and "steps_taken" not in observations.names:
            raise _reads_the_run(name)
        if name == "default":
            return shipped(actions, observations, effort)
        if effort is not None:
            label = name if isinstance(name, str) else name.name
            raise UsageError(f"--effort is for a policy trained with --effort-input, not for {label!r}")
        if not isinstance(name, str):
            return name
        if name == "rules":
            return RulePolicy(actions, observations)
        if name == ONE_BIT:
            return one_bit(actions, observations)
        if name == "random":
            return RandomPolicy(actions, seed)
        if name.startswith("fixed:"):
            if "steps_taken" not in observations.names:
                raise _reads_the_run(name)
            sequence = [entry.strip() for entry in name.removeprefix("fixed:").split(",") if entry.strip()]
            return FixedPolicy(sequence, actions, observations)
        if name.endswith(".toml"):
            return load_rules(expanded(name), actions, observations)
    except NavigatorError as error:
        raise UsageError(str(error)) from error
    if name == "llm":
        raise UsageError("the policy llm asks the model, so it is for live runs alone: pilotage solve --policy llm")
    raise UsageError(
        f"unknown policy {name!r}; use default, rules, one-bit, random, llm, a trained policy ({SUFFIX}), a rule file "
        f"(.toml), or fixed:<block>,<block>,... with blocks from {', '.join(actions.names)}; epsilon=0.1: before it "
        "explores"
    )


def _reads_the_run(name: str) -> UsageError:
    return UsageError(
        f"the policy {name!r} reads what the run did so far, which this observation preset leaves out: give a --policy "
        "that was trained with it, random, or another preset"
    )


def policy_file(name: str) -> Path | None:
    """The file that a policy of that name is read from, if it is."""
    if name.startswith(exploring.PREFIX):
        return policy_file(exploring.parse(name)[1])
    return expanded(name) if name.endswith((".toml", SUFFIX)) else None


def policy_label(name: str, effort: Effort = None) -> str:
    """What results call the policy of that name: of a file its name without folders, with the effort if one is set."""
    if name.startswith(exploring.PREFIX):
        epsilon, base = exploring.parse(name)
        return exploring.named(epsilon, policy_label(base, effort))
    if name.endswith(".toml"):
        return f"rules:{Path(name).name}"
    if name.endswith(SUFFIX):
        name = f"learned:{Path(name).name}"
    return name if effort is None else f"{name}@{effort}"
