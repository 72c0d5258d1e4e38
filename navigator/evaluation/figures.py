"""Figures of records: accuracy, cost, intervals, seeds, calibration, families, routes, learning curves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from pilotage.navigator.bank.arrays import Float64s
from pilotage.navigator.evaluation.bootstrap import Interval, Resampler, interquartile_mean, runs_interval
from pilotage.navigator.evaluation.calibration import calibrate
from pilotage.navigator.evaluation.candidates import Trained
from pilotage.navigator.evaluation.comparison_parts import Room
from pilotage.navigator.evaluation.folds import Fold
from pilotage.navigator.evaluation.records import Record
from pilotage.navigator.evaluation.schema import (
    Curve,
    Edge,
    FamilyPart,
    MiddleMean,
    PolicyFigures,
    Routes,
    Score,
    SeedScore,
)
from pilotage.navigator.evaluation.trainings import Trainings
from pilotage.navigator.spaces import ActionMask, ActionSpec
from pilotage.navigator.values.rollout import mean_of_known

LEAST_SEEDS = 3
"""Seeds below which an interquartile mean says nothing."""

NAN = float("nan")


def figures(
    one: Record, resampler: Resampler, by_family: Resampler | None, cost_weight: float, actions: ActionSpec
) -> PolicyFigures:
    """The figures of a policy over the tasks that the bank can tell of; NaN where there is none."""
    known, candidate = one.known, one.candidate
    some = bool(known.any())
    decisions = one.uses[known].sum()
    mean_uses = one.uses[known].mean(axis=0) if some else np.zeros(len(actions))
    accuracy, cost = mean_of_known(one.score), mean_of_known(one.mean_cost)
    seeds = len(candidate.seeds)
    return PolicyFigures(
        name=one.name,
        kind=candidate.kind,
        about=candidate.about,
        coverage=float(known.mean()),
        accuracy=accuracy,
        accuracy_interval=resampler.accuracy(one.score) if some else (NAN, NAN),
        accuracy_family_interval=by_family.accuracy(one.score) if by_family and by_family.knows(one.score) else None,
        cost=cost,
        cost_interval=resampler.mean(one.mean_cost) if some else (NAN, NAN),
        cost_family_interval=by_family.mean(one.mean_cost) if by_family and by_family.knows(one.mean_cost) else None,
        blocks=mean_of_known(one.blocks.mean(axis=0)),
        value=accuracy - cost_weight * cost,
        unrecorded=float(one.off_support[known].sum() / decisions) if decisions > 0 else 0.0,
        seeds=tuple(
            SeedScore(seed=seed, accuracy=mean_of_known(one.correct[place]), cost=mean_of_known(one.cost[place]))
            for place, seed in enumerate(candidate.seeds if seeds > 1 else ())
        ),
        iqm=_iqm(one, cost_weight, resampler) if seeds >= LEAST_SEEDS and some else None,
        calibration=calibrate(one.predictions) if one.predictions is not None else None,
        uses={name: float(mean_uses[place]) for place, name in enumerate(actions.names) if mean_uses[place] > 0},
    )


def families(records: Sequence[Record]) -> list[FamilyPart]:
    """Accuracy and cost of every policy in every family."""
    names, parts = np.array(records[0].families), []
    for family in sorted(set(records[0].families)):
        here = names == family
        scores = {
            one.name: Score(accuracy=mean_of_known(one.score[here]), cost=mean_of_known(one.mean_cost[here]))
            for one in records
        }
        parts.append(FamilyPart(family=family, tasks=int(here.sum()), policies=scores))
    return parts


def room(judged: Record, there: ActionMask) -> Room:
    """The judged tasks of families that leave room, by family; `there` is bool (m,)."""
    counts = Counter(family for family, kept in zip(judged.families, there.tolist(), strict=True) if kept)
    return Room(tasks=int(there.sum()), families=dict(sorted(counts.items())))


def routes(records: Sequence[Record], actions: ActionSpec) -> list[Routes]:
    """How often one block follows another, in all tasks (family None) and in each family."""
    labels = ("start", *actions.names)
    parts = []
    for one in records:
        for family in (None, *sorted(set(one.families))):
            chosen = one.known if family is None else one.known & (np.array(one.families) == family)
            if chosen.any():
                mean = one.edges[chosen].mean(axis=0)
                edges = tuple(
                    Edge(source=labels[before], to=actions.names[after], share=float(mean[before, after]))
                    for before, after in np.argwhere(mean > 0).tolist()
                )
                parts.append(Routes(policy=one.name, family=family, edges=edges))
    return parts


def curves(records: Sequence[Record], folds: Sequence[Fold], trainings: Trainings) -> list[Curve]:
    """What each seed of a trained policy scored on its validation tasks as training went on, mean over folds."""
    parts = []
    for one in records:
        if not isinstance(one.candidate, Trained):
            continue
        by_fold = [one.candidate.needs(fold) for fold in folds]
        for place, seed in enumerate(one.candidate.trained_seeds):
            cards = [trainings.policy(needed[place]).header.card["seeds"][0]["curve"] for needed in by_fold]
            columns = {
                name: np.mean([[point[of] for point in card] for card in cards], axis=0).tolist()
                for name, of in (("steps", "step"), ("accuracy", "accuracy"), ("cost", "cost"), ("value", "reward"))
            }
            parts.append(Curve(policy=one.name, seed=seed, **columns))
    return parts


def outcomes(records: Sequence[Record]) -> Mapping[str, Mapping[str, tuple[float, float]]]:
    """Expected score and cost of each policy on each task."""
    return {
        one.name: {
            task: (score, cost)
            for task, score, cost in zip(one.tasks, one.score.tolist(), one.mean_cost.tolist(), strict=True)
            if np.isfinite(score)
        }
        for one in records
    }


def _iqm(one: Record, cost_weight: float, resampler: Resampler) -> MiddleMean:
    correct, cost, fold = one.correct[:, one.known], one.cost[:, one.known], one.fold[one.known]

    def middle(scores: Float64s) -> tuple[float, Interval]:
        spread = runs_interval(scores, fold, resamples=min(resampler.resamples, 2000), seed=resampler.seed)
        return interquartile_mean(scores), spread

    (accuracy, interval), (value, value_interval) = middle(correct), middle(correct - cost_weight * cost)
    return MiddleMean(accuracy=accuracy, interval=interval, value=value, value_interval=value_interval)
