"""Names of candidate policies: what `pilotage evaluate --policy` understands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.errors import BankError, PolicyError, SpecMismatch
from pilotage.navigator.evaluation import candidates
from pilotage.navigator.evaluation.candidates import (
    CandidatePolicy,
    ExistingPolicy,
    Fitted,
    FrequencyMatched,
    Keep,
    Kind,
    Trained,
    sequence,
)
from pilotage.navigator.evaluation.trainings import require_training
from pilotage.navigator.policies import epsilon as exploring
from pilotage.navigator.policies import pretrained
from pilotage.navigator.policies.inputs import CostWeighting
from pilotage.navigator.policies.learned import LearnedPolicy
from pilotage.navigator.policies.load import among, read
from pilotage.navigator.policies.nearest import NearestPolicy
from pilotage.navigator.policies.policy import Policy, RandomPolicy, require_policy
from pilotage.navigator.policies.policy_file import SUFFIX
from pilotage.navigator.policies.provenance import provenance, tasks_of
from pilotage.navigator.policies.ridge import RidgePolicy
from pilotage.navigator.policies.rules import agreement, default
from pilotage.navigator.policies.rules.one_bit import one_bit
from pilotage.navigator.policies.rules.rule_policy import RulePolicy
from pilotage.navigator.training.plan import ALGORITHMS, Plan

Resolve = Callable[[str], Policy | None]
"""Gives the policy of a name that is not known here; None where there is none."""

FREQUENCY_MATCHED = "random-matched"
PAPERS = "rlot"
"""Trained as RL of Thoughts trains; `pilotage train --preset rlot`."""
KNOWN = (
    "default", "default@medium", "default@high", "rules", "one-bit", "network", "random",
    f"{FREQUENCY_MATCHED}:<policy>", *agreement.FORMS, "always:<block>", "fixed:<block>,<block>,...", "best-fixed",
    "best-fixed-per-family", "nearest", "linear", "cascade",
    "experience", "nearest:experience", "linear:experience", "ridge", "ridge:experience", *ALGORITHMS,
    "rlot", "oracle", f"a policy file ({SUFFIX})", f"{exploring.PREFIX}0.1:<policy>",
)  # fmt: skip
STANDARD = (
    "always:reason", "always:program", "best-fixed", "best-fixed-per-family", "rules", "one-bit", "cascade", "linear",
    "nearest", "double-dueling-dqn", FREQUENCY_MATCHED, "oracle",
)  # fmt: skip
"""What is compared where nothing is named; what a bank has no blocks, features or libraries for is left out."""
VALIDATION = {"train": 0.8, "validation": 0.2}
"""How the tasks to learn from are split for what chooses its moment of training by validation."""
FITTED = {
    "oracle": (candidates.oracle, "The best choice everywhere, in sight of every score."),
    "best-fixed": (candidates.best_fixed_sequence, "The one sequence that is worth most on the training tasks."),
    "best-fixed-per-family": (
        candidates.best_fixed_per_family,
        "The sequence that is worth most on the training tasks of the same family; it is told the family.",
    ),
    "nearest": (candidates.nearest, "Values of the nearest states of training tasks."),
    "linear": (candidates.linear, "Values linear in the features, fitted to the training tasks."),
    "experience": (
        candidates.experience,
        "The one-bit rule, left where like training tasks say that something else is worth more.",
    ),
    "nearest:experience": (candidates.nearest_with_experience, "As nearest, told what like training tasks came to."),
    "linear:experience": (candidates.linear_with_experience, "As linear, told what like training tasks came to."),
    "cascade": (
        candidates.cascade,
        "The default policy, with a doubt that is fitted to the training tasks.",
    ),
    "ridge": (
        candidates.ridge,
        "The one-bit rule, left where a Bayesian linear model is sure that something else is worth more.",
    ),
    "ridge:experience": (candidates.ridge_with_experience, "As ridge, told what like training tasks came to."),
    "linear:effort": (
        candidates.linear,
        "Linear values with the cost weight as an input, fitted once for all weights.",
    ),
}

VALUING = (
    candidates.nearest, candidates.linear, candidates.nearest_with_experience, candidates.linear_with_experience,
    candidates.experience, candidates.ridge, candidates.ridge_with_experience,
)  # fmt: skip
"""Those of them that say what their choice is worth."""


@dataclass(frozen=True)
class CandidateOptions:
    """What names are read with.

    Attributes:
        bank: where the actions and features come from.
        cost_weight: what policies are trained and chosen for.
        seeds: seeds of trainings.
        plan: settings of trainings but for the algorithm and the seed, as arguments of `Plan`.
        resolve: gives policies that are not known here.
        in_sample: policies may be judged on tasks that they were trained on.
    """

    bank: Bank
    cost_weight: float
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    plan: dict[str, Any] = field(default_factory=dict)
    resolve: Resolve | None = None
    in_sample: bool = False


def candidate(name: str | Policy, options: CandidateOptions, others: Sequence[CandidatePolicy] = ()) -> CandidatePolicy:
    """What a name stands for; a policy stands for itself.

    Args:
        name: as in `KNOWN`; a policy's file is judged only on tasks that it was not trained on.
        options: bank, cost weight, seeds.
        others: candidate policies before it; `random-matched` alone follows the first learned one of them.

    Raises:
        PolicyError: the name stands for none; the text lists those that do.
        SpecMismatch: it needs actions or features that the bank has not.
    """
    if not isinstance(name, str):
        given = require_policy(name)
        return _given(given, given.name, f"{given.name}, as it was given")
    bank = options.bank
    head, colon, rest = name.partition(":")
    if name.startswith(exploring.PREFIX):
        return _exploring(name, options)
    if name == "cascade":
        default.DefaultPolicy(bank.actions, bank.observations, "medium")  # needs what it needs
    if name in FITTED:
        return _fitted(name, options.cost_weight)
    if head == FREQUENCY_MATCHED:
        return _frequency_matched(rest, options, others)
    if name == "random":
        about = "Draws among the recorded actions, uniformly."
        return ExistingPolicy(name, about=about, policy=RandomPolicy(bank.actions))
    if name == "rules":
        return ExistingPolicy(name, about="The list of rules that pilotage ships.", policy=_rules(bank))
    if name == "one-bit":
        about = "A program; where it gives no answer, reasoning."
        return ExistingPolicy(name, about=about, policy=one_bit(bank.actions, bank.observations))
    if name.partition("@")[0] == default.NAME:
        return _default(name, options)
    if name == pretrained.NAME:
        return _file(str(pretrained.FILE), options)
    if name.startswith(agreement.PREFIXES):
        about = "Draws the leading route again, and takes what most draws say."
        return ExistingPolicy(name, about=about, policy=agreement.agreement(name, bank.actions, bank.observations))
    if head in ("always", "fixed") and colon:
        return _sequence(name, head, rest, bank)
    if name.endswith(SUFFIX):
        return _file(name, options)
    if head in ALGORITHMS or head == PAPERS:
        return _trained(name, options)
    policy = options.resolve(name) if options.resolve is not None else None
    if policy is not None:
        return _given(require_policy(policy), policy.name, f"{name}, as it is.")
    raise PolicyError(f"unknown policy {name!r}; there are {', '.join(KNOWN)}")


def _given(policy: Policy, name: str, about: str) -> ExistingPolicy:
    weight = policy.cost_weight if isinstance(policy, LearnedPolicy | NearestPolicy | RidgePolicy) else None
    kind: Kind = "learned" if provenance(policy).is_learned else "baseline"
    return ExistingPolicy(name, weight, kind, about, policy=policy)


def _default(name: str, options: CandidateOptions) -> ExistingPolicy:
    """The default policy, at the effort behind `@`."""
    bank = options.bank
    policy = default.DefaultPolicy(bank.actions, bank.observations, name.partition("@")[2] or None)
    used = len(bank.matching(policy.tasks_learned))
    fitted = f"{used} tasks of this bank were used to fit it" if policy.tasks_learned else "nothing in it was fitted"
    about = f"The policy that pilotage ships; {fitted}."
    return ExistingPolicy(name, about=about, policy=policy)


def _rules(bank: Bank) -> RulePolicy:
    try:
        return RulePolicy(bank.actions, bank.observations)
    except SpecMismatch as error:
        raise SpecMismatch(f"the rules do not fit the bank's blocks: {error}") from error


def _exploring(name: str, options: CandidateOptions) -> ExistingPolicy:
    """`epsilon=0.1:` before a policy that is there already."""
    epsilon, base = exploring.parse(name)
    usual = candidate(base, options)
    if not isinstance(usual, ExistingPolicy) or usual.policy is None:
        raise PolicyError(f"{name!r}: what is made on the folds ({base}) cannot explore; name a policy that is there")
    policy = exploring.EpsilonPolicy(usual.policy, epsilon, options.bank.actions)
    about = f"Draws {epsilon:.0%} of its decisions, else: {usual.about}"
    return _given(policy, exploring.named(epsilon, usual.name), about)


def _fitted(name: str, weight: float) -> Fitted:
    follow, about = FITTED[name]
    return Fitted(
        name,
        weight if follow in VALUING else None,
        "oracle" if name == "oracle" else "baseline",
        about,
        weight=weight,
        effort=CostWeighting().effort(weight) if name == "linear:effort" else None,
        follow=follow,
    )


def _frequency_matched(name: str, options: CandidateOptions, others: Sequence[CandidatePolicy]) -> FrequencyMatched:
    if name:
        of = next((one for one in others if one.name == name), None) or candidate(name, options)
    else:
        learned = [one for one in others if one.kind == "learned"]
        if not learned:
            raise PolicyError(f"name the policy to match, for example {FREQUENCY_MATCHED}:nearest")
        of = learned[0]
    if isinstance(of, FrequencyMatched) or of.kind == "oracle":
        raise PolicyError(f"{FREQUENCY_MATCHED} cannot follow {of.name}: name a policy that decides by itself")
    about = f"Random, with as many of each block as {of.name} runs."
    return FrequencyMatched(f"{FREQUENCY_MATCHED}:{of.name}", about=about, of=of)


def _sequence(name: str, head: str, rest: str, bank: Bank) -> ExistingPolicy:
    blocks = [entry.strip() for entry in rest.split(",") if entry.strip()]
    terminal = bank.actions.terminal
    if not blocks or (head == "always" and len(blocks) != 1):
        raise PolicyError(f"{name!r} names no block; write always:reason, or fixed:program,verify")
    if terminal in blocks[:-1]:
        raise PolicyError(f"{name!r}: {terminal} ends a run, nothing can follow it")
    ran = [block for block in blocks if block != terminal]
    about = f"{', then '.join([*ran, terminal])}, whatever the task."
    kept = f"{head}:{','.join(blocks)}"
    return ExistingPolicy(kept, about=about, policy=sequence(blocks, bank.actions, bank.observations), strict=True)


def _file(name: str, options: CandidateOptions) -> ExistingPolicy:
    bank = options.bank
    policy = read(Path(name))
    if isinstance(policy, LearnedPolicy) and policy.dial is not None:
        policy = policy.with_effort(policy.dial.effort(options.cost_weight))
    learned = tasks_of(policy.header)
    if learned is None and not options.in_sample:
        raise PolicyError(
            f"{name} does not say which tasks it was trained on, so none can be judged apart from them: train it anew"
        )
    used = len(bank.matching(learned or ()))
    if used == len(bank.tasks) and not options.in_sample:
        raise BankError(
            f"{name} was trained on every task of {bank.path}: train it with a test part "
            "(--parts train=0.6,validation=0.2,test=0.2), judge its algorithm, which is then trained on folds, or ask "
            "for figures on its own tasks (--in-sample)"
        )
    about = f"The file {Path(name).name}, trained by {policy.header.algorithm}; {used} tasks of this bank were used."
    used_here = among(policy, policy.header, bank.actions, bank.observations)
    return ExistingPolicy(Path(name).name.removesuffix(SUFFIX), policy.cost_weight, "learned", about, policy=used_here)


def _trained(name: str, options: CandidateOptions) -> Trained:
    algorithm, *suffixes = name.split(":")
    kept: list[Keep] = [option for option in ("ensemble", "best") if option in suffixes]
    if set(suffixes) - {"effort", "ensemble", "best"} or len(kept) > 1 or len(set(suffixes)) < len(suffixes):
        raise PolicyError(f"{name!r}: behind {algorithm} may stand :effort, and :best or :ensemble")
    require_training()
    keep, count = kept[0] if kept else "each", len(options.seeds)
    has_effort, papers = "effort" in suffixes, algorithm == PAPERS
    settings = {"fractions": VALIDATION, **options.plan, "cost_weight": options.cost_weight, "effort_input": has_effort}
    if papers:
        algorithm = "double-dueling-dqn"
        settings |= {"base": PAPERS, "step_scores": "values", "cost_weight": 0.0}
    plan = Plan(algorithm, **{**settings, "seeds": 1})
    seeds = {
        "each": f"{count} seeds, each judged by itself",
        "best": f"the best of {count} seeds on validation tasks",
        "ensemble": f"the mean of {count} seeds",
    }
    return Trained(
        name,
        None if papers else options.cost_weight,  # its outputs are values of step rewards, not of success
        "learned",
        f"{algorithm}{' as RL of Thoughts trains it' if papers else ''}, {plan.length:,} {plan.unit} on the training "
        f"tasks{', one network for all cost weights' if has_effort else ''}; {seeds[keep]}.",
        options.seeds if keep == "each" else (0,),
        plan=plan,
        keep=keep,
        trained_seeds=options.seeds,
        effort=CostWeighting().effort(options.cost_weight) if has_effort else None,
    )
