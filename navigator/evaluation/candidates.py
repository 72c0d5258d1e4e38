"""Candidate policies: each says what it does on the judged tasks of a fold, after seeing the others only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.errors import PolicyError
from pilotage.navigator.evaluation.folds import Fold
from pilotage.navigator.evaluation.trainings import Training, Trainings
from pilotage.navigator.policies.inputs import CostWeighting
from pilotage.navigator.policies.learned import LearnedPolicy
from pilotage.navigator.policies.policy import FixedPolicy, Policy
from pilotage.navigator.policies.provenance import Provenance, provenance
from pilotage.navigator.spaces import ActionSpec, ObservationSpec
from pilotage.navigator.training.algorithms.linear import fit_linear
from pilotage.navigator.training.algorithms.nearest import fit_nearest
from pilotage.navigator.training.ensemble import mean_network
from pilotage.navigator.training.plan import Plan
from pilotage.navigator.values.exact import exact_values
from pilotage.navigator.values.rollout import Rollout, by_policy, rollout
from pilotage.navigator.values.sequences import MIN_COVERAGE, best_fixed, best_fixed_by_family

Kind = Literal["baseline", "learned", "oracle"]

VALIDATION = {"train": 0.8, "validation": 0.2}
"""How the tasks to learn from are split for what chooses its moment of training by validation."""


class CandidatePolicy(Protocol):
    """Implement this to take part in an evaluation.

    Attributes:
        name: for reports; unique.
        kind: what it is to a reader.
        about: one sentence: how it is made.
        seeds: seeds of its trainings, each judged by itself; `(0,)` for what draws nothing while it learns.
        cost_weight: that its values are for; None where it gives none.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 (told above)
    @property
    def kind(self) -> Kind: ...  # noqa: D102
    @property
    def about(self) -> str: ...  # noqa: D102
    @property
    def seeds(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def cost_weight(self) -> float | None: ...  # noqa: D102

    def needs(self, fold: Fold) -> Sequence[Training]:
        """Networks that have to be trained for a fold; they may be trained at once."""
        ...

    def rollout(self, fold: Fold, seed: int, trainings: Trainings) -> Rollout:
        """What it does on the tasks of the fold."""
        ...


@dataclass(frozen=True)
class BaseCandidate:
    """What most candidate policies share."""

    name: str
    cost_weight: float | None = None
    kind: Kind = "baseline"
    about: str = ""
    seeds: tuple[int, ...] = (0,)

    def needs(self, fold: Fold) -> Sequence[Training]:
        """Nothing."""
        return ()


@dataclass(frozen=True)
class ExistingPolicy(BaseCandidate):
    """A policy that is there already.

    Attributes:
        policy: the policy, or one for each task of the fold.
        strict: judge it on what it wants, recorded or not.
    """

    policy: Policy | None = None
    strict: bool = False

    def rollout(self, fold: Fold, seed: int, trainings: Trainings) -> Rollout:
        """As it decides."""
        assert self.policy is not None
        return rollout(fold.judged, by_policy(self.policy, fold.judged), strict=self.strict)


@dataclass(frozen=True)
class BestFixed(BaseCandidate):
    """The one sequence that is worth most on the tasks to learn from, at the cost weight."""

    weight: float = 0.1

    def rollout(self, fold: Fold, seed: int, trainings: Trainings) -> Rollout:
        """The sequence of the other folds."""
        learned = fold.learned
        best = best_fixed(learned, self.weight, MIN_COVERAGE)
        policy = sequence(best.blocks, learned.actions, learned.observations)
        return rollout(fold.judged, by_policy(policy, fold.judged), strict=True)


@dataclass(frozen=True)
class BestFixedPerFamily(BaseCandidate):
    """The best sequence of each family, told the family of a task; the best one of all for a family never seen."""

    weight: float = 0.1

    def rollout(self, fold: Fold, seed: int, trainings: Trainings) -> Rollout:
        """Each task by the sequence of its family."""
        learned = fold.learned
        overall = best_fixed(learned, self.weight, MIN_COVERAGE).blocks
        known = {f: one.blocks for f, one in best_fixed_by_family(learned, self.weight, MIN_COVERAGE).items()}
        policies = {
            blocks: sequence(blocks, learned.actions, learned.observations) for blocks in {overall, *known.values()}
        }
        chosen = [policies[known.get(family, overall)] for family in fold.judged.families]
        return rollout(fold.judged, by_policy(chosen, fold.judged), strict=True)


@dataclass(frozen=True)
class Oracle(BaseCandidate):
    """The best choice everywhere, in sight of every score."""

    weight: float = 0.1

    def rollout(self, fold: Fold, seed: int, trainings: Trainings) -> Rollout:
        """As the exact values say."""
        return exact_values(fold.judged, self.weight).best_rollout


@dataclass(frozen=True)
class Nearest(BaseCandidate):
    """Nearest neighbours among the tasks to learn from."""

    weight: float = 0.1

    def rollout(self, fold: Fold, seed: int, trainings: Trainings) -> Rollout:
        """As similar recorded states say."""
        return rollout(fold.judged, by_policy(fit_nearest(fold.training, cost_weight=self.weight), fold.judged))


@dataclass(frozen=True)
class Linear(BaseCandidate):
    """Values linear in the features; `effort` None where it has no dial."""

    weight: float = 0.1
    effort: float | None = None

    def rollout(self, fold: Fold, seed: int, trainings: Trainings) -> Rollout:
        """As the regression says."""
        policy = fit_linear(fold.training, cost_weight=self.weight, effort_input=self.effort is not None)
        policy = policy if self.effort is None else policy.with_effort(self.effort)
        return rollout(fold.judged, by_policy(policy, fold.judged))


@dataclass(frozen=True)
class Trained(BaseCandidate):
    """Networks trained by one of `pilotage.navigator.training.train`'s algorithms.

    Attributes:
        plan: how; its seeds are taken from `trained_seeds`.
        keep: `each` judges every seed by itself; `best` keeps the one that scores best on validation tasks, `ensemble`
            the mean of all, as `pilotage train` does.
        trained_seeds: seeds of the trainings.
        effort: where to set the dial; None where there is none.
    """

    plan: Plan = field(default_factory=Plan)
    keep: Literal["each", "best", "ensemble"] = "each"
    trained_seeds: tuple[int, ...] = (0,)
    effort: float | None = None

    def needs(self, fold: Fold) -> Sequence[Training]:
        """One training for each seed."""
        return [Training.of(fold.training, self.plan, seed) for seed in self.trained_seeds]

    def policy(self, fold: Fold, seed: int, trainings: Trainings) -> LearnedPolicy:
        """The policy that is judged on a fold."""
        if self.keep == "each":
            chosen = trainings.policy(Training.of(fold.training, self.plan, seed))
        else:
            networks = [trainings.policy(one) for one in self.needs(fold)]
            chosen = max(networks, key=validation_reward)
            if self.keep == "ensemble":
                layers = mean_network([network.layers for network in networks])
                chosen = LearnedPolicy(chosen.header, layers, chosen.scaling)
        return chosen if self.effort is None else chosen.with_effort(self.effort)

    def rollout(self, fold: Fold, seed: int, trainings: Trainings) -> Rollout:
        """As the network says."""
        return rollout(fold.judged, by_policy(self.policy(fold, seed, trainings), fold.judged))


def validation_reward(policy: LearnedPolicy) -> tuple[float, float]:
    """What the one training of a policy scored on its validation tasks; of equals the cheaper is the greater."""
    training = policy.header.card["seeds"][0]
    kept = training["curve"][training["kept"]]
    return float(kept["reward"]), -float(kept["cost"])


def sequence(blocks: Sequence[str], actions: ActionSpec, observations: ObservationSpec) -> FixedPolicy:
    """The policy that runs these blocks, then the terminal action; the terminal action at once where there are none."""
    kept = [block for block in blocks if block != actions.terminal]
    return FixedPolicy([*kept, actions.terminal], actions, observations)


def at_effort(candidate: CandidatePolicy, effort: float) -> CandidatePolicy | None:
    """The same candidate policy with its dial elsewhere; None where it has none."""
    weight = CostWeighting().weight(effort)
    if isinstance(candidate, Linear | Trained) and candidate.effort is not None:
        return replace(candidate, effort=effort, cost_weight=weight)
    if isinstance(candidate, ExistingPolicy) and isinstance(candidate.policy, LearnedPolicy) and candidate.policy.dial:
        moved = candidate.policy.with_effort(effort)
        return replace(candidate, policy=moved, cost_weight=moved.cost_weight)
    return None


def at_weight(candidate: CandidatePolicy, weight: float) -> CandidatePolicy | None:
    """The same candidate policy made anew for another cost weight; None where it does not depend on one."""
    if isinstance(candidate, BestFixed | BestFixedPerFamily | Oracle | Nearest):
        known = None if candidate.cost_weight is None else weight
        return replace(candidate, weight=weight, cost_weight=known)
    if isinstance(candidate, Linear) and candidate.effort is None:
        return replace(candidate, weight=weight, cost_weight=weight)
    if isinstance(candidate, Trained) and candidate.effort is None:
        return replace(candidate, plan=replace(candidate.plan, cost_weight=weight), cost_weight=weight)
    return None


def learned_from(candidate: CandidatePolicy) -> Provenance:
    """What a given policy, or the one that a candidate follows, has learned from; nothing of what is made here."""
    followed = getattr(candidate, "of", None)
    if followed is not None:
        return learned_from(followed)
    return provenance(candidate.policy) if isinstance(candidate, ExistingPolicy) else Provenance()


def judgeable(bank: Bank, candidates: Sequence[CandidatePolicy]) -> set[str]:
    """Tasks of the bank that no given policy was trained on, as far as a look at the policies tells.

    Raises:
        PolicyError: there is none, or a policy does not say which those are; the text names it.
    """
    for one in candidates:
        require_known_tasks(one.name, learned_from(one))
    kept = set(bank.tasks)
    trained = {one.name: found for one in candidates if (found := bank.among(learned_from(one).tasks))}
    for tasks in trained.values():
        kept -= tasks
    if not kept:
        several = len(trained) > 1
        who = f"together, {' and '.join(trained)} were" if several else f"{next(iter(trained))} was"
        advice = "judge them one at a time, judge" if several else "judge"
        raise PolicyError(
            f"{who} trained on every task of {bank.path}, so none is left: {advice} algorithms, which are then trained "
            "on folds, or ask for figures on their own tasks (--in-sample)"
        )
    return kept


def require_known_tasks(name: str, learned: Provenance) -> None:
    """Raises PolicyError where something in a policy was trained and does not say on which tasks."""
    if learned.unsaid:
        what = (
            f"{name} does not say" if name in learned.unsaid else f"{name} asks {learned.unsaid[0]}, which does not say"
        )
        raise PolicyError(
            f"{what} which tasks it was trained on, so none can be judged apart from them: train it anew, or ask for "
            "figures that may be in-sample (--in-sample)"
        )
