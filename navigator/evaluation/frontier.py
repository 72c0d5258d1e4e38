"""Frontier: accuracy and cost of policies at several settings, and of the fixed sequences that nothing fixed beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pilotage.navigator.bank.arrays import Float64s
from pilotage.navigator.evaluation.bootstrap import Resampler
from pilotage.navigator.evaluation.candidates import CandidatePolicy
from pilotage.navigator.evaluation.folds import Fold
from pilotage.navigator.evaluation.records import Record
from pilotage.navigator.evaluation.schema import Line, Point
from pilotage.navigator.policies.inputs import CostWeighting
from pilotage.navigator.values.rollout import mean_of_known
from pilotage.navigator.values.sequences import fixed_sequence, recorded_sequences


def variants(
    candidates: Sequence[CandidatePolicy], efforts: Sequence[float], retrain: bool
) -> list[tuple[float, CandidatePolicy]]:
    """Each candidate policy that has settings, at each of them, with names of their own.

    Args:
        candidates: whose settings to vary.
        efforts: 0 to 1; one without an effort input is made anew for the cost weight that an effort stands for.
        retrain: whether networks without an effort input are trained anew for every weight, too.
    """
    return [
        (effort, replace(moved, name=f"{candidate.name} @ {effort:g}"))
        for candidate in candidates
        for effort in sorted(efforts)
        if (moved := candidate.at(effort, retrain)) is not None
    ]


def lines(efforts: Sequence[float], records: Sequence[Record], resampler: Resampler) -> list[Line]:
    """A line for every candidate policy that has settings, from the efforts and records of its `variants`."""
    points: dict[str, list[Point]] = {}
    for effort, one in zip(efforts, records, strict=True):
        if one.known.any():
            placed = _point(one.score, one.mean_cost, resampler, effort, CostWeighting().weight(effort))
            points.setdefault(one.name.rpartition(" @ ")[0], []).append(placed)
    return [Line(policy=name, points=tuple(of)) for name, of in points.items()]


def sequences(folds: Sequence[Fold], resampler: Resampler) -> list[Line]:
    """The fixed sequences that no other one beats in both accuracy and cost, cheapest first.

    They are picked on the very tasks that they are shown on, so they look somewhat better than they are. Only those
    take part that are known on every task: others would stand beside them with the figures of other tasks.
    """
    routes = sorted({route for fold in folds for route in recorded_sequences(fold.judged)}, key=lambda r: (len(r), r))
    placed = []
    for route in routes:
        outcomes = [fixed_sequence(fold.judged, route).outcomes for fold in folds]
        score = np.concatenate([one.correct for one in outcomes])
        if np.isfinite(score).all():
            name = "fixed:" + ",".join([*route, folds[0].judged.actions.terminal])
            placed.append((_point(score, np.concatenate([one.cost for one in outcomes]), resampler), name))
    best, undominated = -1.0, []
    for point, name in sorted(placed, key=lambda entry: (round(entry[0].cost, 12), -entry[0].accuracy)):
        if point.accuracy > best:
            best = point.accuracy
            undominated.append(Line(policy=name, points=(point,)))
    return undominated


def _point(
    score: Float64s, cost: Float64s, resampler: Resampler, effort: float | None = None, weight: float | None = None
) -> Point:
    return Point(
        effort=effort,
        cost_weight=weight,
        accuracy=mean_of_known(score),
        accuracy_interval=resampler.accuracy(score),
        cost=mean_of_known(cost),
        cost_interval=resampler.mean(cost),
    )
