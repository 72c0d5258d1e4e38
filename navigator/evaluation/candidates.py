"""Candidate policies: each says what it does on the judged tasks of a fold, after seeing the others only."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.errors import PolicyError
from pilotage.navigator.evaluation.experience import learned_and_judged
from pilotage.navigator.evaluation.folds import Fold
from pilotage.navigator.evaluation.trainings import Training, Trainings
from pilotage.navigator.policies.experience import ExperiencePolicy
from pilotage.navigator.policies.inputs import CostWeighting
from pilotage.navigator.policies.learned import LearnedPolicy
from pilotage.navigator.policies.policy import FixedPolicy, Policy, RandomPolicy
from pilotage.navigator.policies.provenance import Provenance, provenance
from pilotage.navigator.policies.rules.cascade import Doubt
from pilotage.navigator.policies.rules.default import DefaultPolicy
from pilotage.navigator.spaces import ActionSpec, ObservationSpec
from pilotage.navigator.training.algorithms.cascade import fit_doubt
from pilotage.navigator.training.algorithms.linear import fit_linear
from pilotage.navigator.training.algorithms.nearest import fit_nearest
from pilotage.navigator.training.algorithms.ridge import fit_ridge
from pilotage.navigator.training.ensemble import mean_network
from pilotage.navigator.training.plan import Plan
from pilotage.navigator.values.exact import exact_values
from pilotage.navigator.values.rollout import Rollout, by_policy, rollout
from pilotage.navigator.values.sequences import MIN_COVERAGE, best_fixed, best_fixed_by_family

Kind = Literal["baseline", "learned", "oracle"]
Keep = Literal["each", "best", "ensemble"]


@dataclass(frozen=True)
class CandidatePolicy(ABC):
    """A policy that takes part in an evaluation; subclasses say what it does.

    Attributes:
        name: for reports; unique.
        cost_weight: that its values are for; None where it gives none.
        kind: what it is to a reader.
        about: one sentence: how it is made.
        seeds: seeds of its trainings, each judged by itself; `(0,)` for what draws nothing while it learns.
    """

    name: str
    cost_weight: float | None = None
    kind: Kind = "baseline"
    about: str = ""
    seeds: tuple[int, ...] = (0,)

    def needs(self, fold: Fold) -> Sequence[Training]:
        """Networks that have to be trained for a fold; they may be trained at once."""
        return ()

    @abstractmethod
    def rollout(self, fold: Fold, seed: int, trainings: Trainings) -> Rollout:
        """What it does on the tasks of the fold."""

    def at(self, effort: float, retrain: bool) -> Self | None:
        """The same at another setting; None where it has none, or would have to be trained anew and must not."""
        return None

    @property
    def learned_from(self) -> Provenance:
        """What a given policy, or the one that this one follows, has learned from; nothing of what is made here."""
        return Provenance()

    def is_transferable(self, asked: bool = False) -> bool:
        """Whether it learns or looks. A trained policy (or one that `asked` one) has tasks of its own."""
        return True


@dataclass(frozen=True)
class ExistingPolicy(CandidatePolicy):
    """A policy that is there already.

    Attributes:
        policy: the policy.
        strict: judge it on what it prefers, recorded or not.
    """

    policy: Policy | None = None
    strict: bool = False

    def rollout(self, fold: Fold, seed: int, trainings: Trainings) -> Rollout:
        """As it decides."""
        assert self.policy is not None
        return rollout(fold.judged, by_policy(self.policy, fold.judged), strict=self.strict)

    def at(self, effort: float, retrain: bool) -> Self | None:
        """A network with an effort input can be set."""
        if not isinstance(self.policy, LearnedPolicy) or not self.policy.dial:
            return None
        moved = self.policy.with_effort(effort)
        return replace(self, policy=moved, cost_weight=moved.cost_weight)

    @property
    def learned_from(self) -> Provenance:
        """As far as a look at it tells."""
        return provenance(self.policy)

    def is_transferable(self, asked: bool = False) -> bool:
        """Neither a sequence nor chance looks."""
        return not (self.strict or asked or isinstance(self.policy, RandomPolicy) or self.learned_from.is_learned)


@dataclass(frozen=True)
class FrequencyMatched(ExistingPolicy):
    """Random, with as many of each block as another candidate policy runs; `record` makes its policy.

    Attributes:
        of: the other candidate policy.
    """

    of: CandidatePolicy = field(kw_only=True)

    @property
    def learned_from(self) -> Provenance:
        """What the one that it follows has learned from."""
        return self.of.learned_from

    def is_transferable(self, asked: bool = False) -> bool:
        """It learns nothing."""
        return False


@dataclass(frozen=True)
class Fitted(CandidatePolicy):
    """A policy that is made in a moment from the tasks to learn from.

    Attributes:
        weight: the cost weight that it is made for.
        effort: where an effort input stands; None where there is none.
        follow: what the policy of a fold, a cost weight and an effort does.
    """

    weight: float = 0.1
    effort: float | None = None
    follow: Callable[[Fold, float, float | None], Rollout] = field(kw_only=True)

    def rollout(self, fold: Fold, seed: int, trainings: Trainings) -> Rollout:
        """As the other folds teach."""
        return self.follow(fold, self.weight, self.effort)

    def at(self, effort: float, retrain: bool) -> Self:
        """Its effort input set, or made anew for another cost weight."""
        weight = CostWeighting().weight(effort)
        moved = replace(self, cost_weight=None if self.cost_weight is None else weight)
        return replace(moved, weight=weight) if self.effort is None else replace(moved, effort=effort)


def best_fixed_sequence(fold: Fold, weight: float, effort: float | None) -> Rollout:
    """The one sequence that is worth most on the tasks to learn from."""
    best = best_fixed(fold.learned, weight, MIN_COVERAGE)
    policy = sequence(best.blocks, fold.learned.actions, fold.learned.observations)
    return rollout(fold.judged, by_policy(policy, fold.judged), strict=True)


def best_fixed_per_family(fold: Fold, weight: float, effort: float | None) -> Rollout:
    """The best sequence of each family, given the family of a task; the best one of all for a family never seen."""
    learned = fold.learned
    overall = best_fixed(learned, weight, MIN_COVERAGE).blocks
    known = {family: one.blocks for family, one in best_fixed_by_family(learned, weight, MIN_COVERAGE).items()}
    chosen = [known.get(family, overall) for family in fold.judged.families]
    policies = {blocks: sequence(blocks, learned.actions, learned.observations) for blocks in set(chosen)}
    return rollout(fold.judged, by_policy([policies[blocks] for blocks in chosen], fold.judged), strict=True)


def oracle(fold: Fold, weight: float, effort: float | None) -> Rollout:
    """The best choice everywhere, in sight of every score."""
    return exact_values(fold.judged, weight).best_rollout


def nearest(fold: Fold, weight: float, effort: float | None) -> Rollout:
    """Nearest neighbours among the tasks to learn from."""
    return rollout(fold.judged, by_policy(fit_nearest(fold.training, cost_weight=weight), fold.judged))


def linear(fold: Fold, weight: float, effort: float | None) -> Rollout:
    """Values linear in the features; with an effort input unless `effort` is None."""
    policy = fit_linear(fold.training, cost_weight=weight, effort_input=effort is not None)
    return rollout(fold.judged, by_policy(policy if effort is None else policy.with_effort(effort), fold.judged))


def experience(fold: Fold, weight: float, effort: float | None) -> Rollout:
    """The one-bit rule, left where like tasks among those to learn from say that something else is worth more."""
    _, judged = learned_and_judged(fold)
    return rollout(judged, by_policy(ExperiencePolicy(judged.actions, judged.observations, weight), judged))


def cascade(fold: Fold, weight: float, effort: float | None) -> Rollout:
    """The default policy at medium effort, with a doubt that is fitted to the tasks to learn from."""
    doubt = fit_doubt(fold.training, cost_weight=weight) or Doubt()
    policy = DefaultPolicy(fold.judged.actions, fold.judged.observations, "medium", doubt)
    return rollout(fold.judged, by_policy(policy, fold.judged))


def ridge(fold: Fold, weight: float, effort: float | None) -> Rollout:
    """The one-bit rule, left where a linear model of the tasks to learn from is sure of something better."""
    return rollout(fold.judged, by_policy(fit_ridge(fold.training, cost_weight=weight), fold.judged))


def ridge_with_experience(fold: Fold, weight: float, effort: float | None) -> Rollout:
    """As `ridge`, with the features of experience."""
    learned, judged = learned_and_judged(fold)
    return rollout(judged, by_policy(fit_ridge(learned, cost_weight=weight), judged))


def nearest_with_experience(fold: Fold, weight: float, effort: float | None) -> Rollout:
    """As `nearest`, with the features of experience."""
    learned, judged = learned_and_judged(fold)
    return rollout(judged, by_policy(fit_nearest(learned, cost_weight=weight), judged))


def linear_with_experience(fold: Fold, weight: float, effort: float | None) -> Rollout:
    """As `linear`, with the features of experience."""
    learned, judged = learned_and_judged(fold)
    return rollout(judged, by_policy(fit_linear(learned, cost_weight=weight), judged))


@dataclass(frozen=True)
class Trained(CandidatePolicy):
    """Networks trained by one of `pilotage.navigator.training.train`'s algorithms.

    Attributes:
        plan: how; its seeds are taken from `trained_seeds`.
        keep: `each` judges every seed by itself; `best` keeps the one that scores best on validation tasks, `ensemble`
            the mean of all, as `pilotage train` does.
        trained_seeds: seeds of the trainings.
        effort: where the effort input stands; None where there is none.
    """

    plan: Plan = field(default_factory=Plan)
    keep: Keep = "each"
    trained_seeds: tuple[int, ...] = (0,)
    effort: float | None = None

    def needs(self, fold: Fold) -> Sequence[Training]:
        """One training for each seed."""
        return [Training.of(fold.training, self.plan, seed) for seed in self.trained_seeds]

    def rollout(self, fold: Fold, seed: int, trainings: Trainings) -> Rollout:
        """As the network says."""
        if self.keep == "each":
            policy = trainings.policy(Training.of(fold.training, self.plan, seed))
        else:
            networks = [trainings.policy(one) for one in self.needs(fold)]
            policy = max(networks, key=validation_reward)
            if self.keep == "ensemble":
                layers = mean_network([network.layers for network in networks])
                policy = LearnedPolicy(policy.header, layers, policy.scaling)
        policy = policy if self.effort is None else policy.with_effort(self.effort)
        return rollout(fold.judged, by_policy(policy, fold.judged))

    def at(self, effort: float, retrain: bool) -> Self | None:
        """Its effort input set, or trained anew for another cost weight."""
        weight = CostWeighting().weight(effort)
        if self.effort is not None:
            return replace(self, effort=effort, cost_weight=weight)
        return replace(self, plan=replace(self.plan, cost_weight=weight), cost_weight=weight) if retrain else None


def validation_reward(policy: LearnedPolicy) -> tuple[float, float]:
    """What the one training of a policy scored on its validation tasks; of equals the cheaper is the greater."""
    training = policy.header.card["seeds"][0]
    kept = training["curve"][training["kept"]]
    return float(kept["reward"]), -float(kept["cost"])


def sequence(blocks: Sequence[str], actions: ActionSpec, observations: ObservationSpec) -> FixedPolicy:
    """The policy that runs these blocks, then the terminal action; the terminal action at once where there are none."""
    kept = [block for block in blocks if block != actions.terminal]
    return FixedPolicy([*kept, actions.terminal], actions, observations)


def judgeable(bank: Bank, candidates: Sequence[CandidatePolicy]) -> set[str]:
    """Tasks of the bank that no given policy was trained on, as far as a look at the policies tells.

    Raises:
        PolicyError: there is none, or a policy does not say which those are; the text names it.
    """
    learned = {one.name: one.learned_from for one in candidates}
    for name, of in learned.items():
        require_known_tasks(name, of)
    trained = {name: tasks for name, of in learned.items() if (tasks := bank.matching(of.tasks))}
    kept = set(bank.tasks).difference(*trained.values())
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
