"""Frontier: accuracy and cost of policies at several settings, and of the fixed sequences that nothing fixed beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.evaluation.bootstrap import Resampler
from pilotage.navigator.evaluation.candidates import (
    CandidatePolicy,
    ExistingPolicy,
    Trained,
    at_effort,
    at_weight,
    sequence,
)
from pilotage.navigator.evaluation.folds import Fold
from pilotage.navigator.evaluation.records import Notify, Record, record
from pilotage.navigator.evaluation.schema import Line, Point
from pilotage.navigator.evaluation.trainings import Trainings
from pilotage.navigator.policies.inputs import CostWeighting
from pilotage.navigator.values.sequences import recorded_sequences


def variants(
    candidates: Sequence[CandidatePolicy], efforts: Sequence[float], retrain: bool
) -> list[tuple[float, CandidatePolicy]]:
    """Each candidate policy that has settings, at each of them, with names of their own.

    Args:
        candidates: whose settings to vary.
        efforts: 0 to 1; a candidate policy without a dial is made anew for the cost weight that an effort stands for.
        retrain: whether networks without a dial are trained anew for every weight, too.
    """
    found = []
    for candidate in candidates:
        if isinstance(candidate, Trained) and candidate.effort is None and not retrain:
            continue
        for effort in sorted(efforts):
            moved = at_effort(candidate, effort) or at_weight(candidate, CostWeighting().weight(effort))
            if moved is not None:
                found.append((effort, replace(moved, name=f"{candidate.name} @ {effort:g}")))  # type: ignore[type-var]
    return found


def lines(
    candidates: Sequence[CandidatePolicy],
    settings: Sequence[tuple[float, CandidatePolicy]],
    folds: Sequence[Fold],
    trainings: Trainings,
    resampler: Resampler,
    notify: Notify | None = None,
) -> list[Line]:
    """The line of every candidate policy that has settings, as `variants` gave them."""
    records = record([one for _, one in settings], folds, trainings, notify)
    found = []
    for candidate in candidates:
        points = [
            point(one, resampler, effort, CostWeighting().weight(effort))
            for (effort, _), one in zip(settings, records, strict=True)
            if one.name.rpartition(" @ ")[0] == candidate.name and one.known.any()
        ]
        if points:
            found.append(Line(policy=candidate.name, points=tuple(points)))
    return found


def point(one: Record, resampler: Resampler, effort: float | None = None, weight: float | None = None) -> Point:
    """Where a record stands; at least one of its tasks must be known."""
    score, paid = one.score[one.known], one.paid[one.known]
    return Point(
        effort=effort,
        cost_weight=weight,
        accuracy=float(score.mean()),
        accuracy_interval=resampler.accuracy(one.score),
        cost=float(paid.mean()),
        cost_interval=resampler.mean(one.paid),
    )


def sequences(
    folds: Sequence[Fold], trainings: Trainings, resampler: Resampler, notify: Notify | None = None
) -> list[Line]:
    """The fixed sequences that no other one beats in both accuracy and cost, cheapest first.

    They are picked on the very tasks that they are shown on, so they look somewhat better than they are. Only those
    take part that are known on every task: others would stand beside them with the figures of other tasks.
    """
    routes = sorted({route for fold in folds for route in recorded_sequences(fold.judged)}, key=lambda r: (len(r), r))
    candidates = [_fixed(route, folds[0].judged) for route in routes]
    known = [one for one in record(candidates, folds, trainings) if one.known.all()]
    placed = sorted(
        ((point(one, resampler), one.name) for one in known), key=lambda p: (round(p[0].cost, 12), -p[0].accuracy)
    )
    best, found = -1.0, []
    for place, name in placed:
        if place.accuracy > best:
            best = place.accuracy
            found.append(Line(policy=name, points=(place,)))
    return found


def _fixed(route: Sequence[str], arrays: BankArrays) -> ExistingPolicy:
    name = "fixed:" + ",".join([*route, arrays.actions.terminal])
    return ExistingPolicy(name, policy=sequence(route, arrays.actions, arrays.observations), strict=True)
