"""Judging confidence on a bank: every answer by what other tasks, or other families, taught.

Three others say how sure they are of the same answers: a constant, the agreement of routes alone, and a policy by the
value that it gives to its own stop.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from pilotage.navigator.bank.arrays import Float64s
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.confidence.figures import Figures, Predicted
from pilotage.navigator.confidence.fit import Unit, dealt, fit_confidence
from pilotage.navigator.confidence.model import ConfidenceModel
from pilotage.navigator.confidence.stops import Stops
from pilotage.navigator.errors import ConfidenceError
from pilotage.navigator.evaluation.calibration import last_decisions
from pilotage.navigator.evaluation.candidates import CandidatePolicy, judgeable
from pilotage.navigator.evaluation.folds import Fold
from pilotage.navigator.evaluation.names import CandidateOptions, candidate
from pilotage.navigator.evaluation.trainings import Trainings

AGREEMENT = ("candidates", "leader_routes", "second_routes", "agreement")
"""Features that count routes and answers, and nothing else."""
EVERYWHERE = "all stops"


@dataclass(frozen=True)
class Judged:
    """What several methods say of the same answers.

    Attributes:
        where: `EVERYWHERE`, or the name of the policy whose stops these are.
        held_out: `tasks` or `families`; empty for a model that was there already.
        tasks: how many tasks there are.
        figures: by method.
    """

    where: str
    held_out: str
    tasks: int
    figures: Mapping[str, Figures]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        figures = {name: one.to_json() for name, one in self.figures.items()}
        return {"where": self.where, "held_out": self.held_out, "tasks": self.tasks, "figures": figures}


def judge_confidence(
    bank: Bank,
    unit: Unit,
    policies: Sequence[str] = ("linear",),
    *,
    cost_weight: float = 0.1,
    resamples: int = 2_000,
    seed: int = 0,
) -> list[Judged]:
    """Cross-fitted figures: at all stops of a bank, and where each policy stops.

    Args:
        bank: its every task is judged, and none by what it taught.
        unit: what is held out at once; the inner folds hold out the same.
        policies: names as in `pilotage.navigator.evaluation.names.KNOWN`; a policy's own value is one of the methods
            where it gives any.
        cost_weight: that the policies are made for.
        resamples: draws of the intervals.
        seed: of the dealing.

    Raises:
        BankError: too few tasks or families.
        ConfidenceError: there is nothing to learn.
        PolicyError: a name without sense, or a policy that was trained on all these tasks.
    """
    stoppers = [candidate(name, CandidateOptions(bank, cost_weight, seeds=(0,))) for name in policies]
    parts: dict[str, dict[str, list[Predicted]]] = {where: {} for where in (EVERYWHERE, *(s.name for s in stoppers))}
    with TemporaryDirectory() as folder:
        trainings = Trainings(bank, Path(folder))
        for fold in dealt(bank, unit, seed=seed):
            stops = Stops.of(bank.only(fold.judged.tasks))
            said = _said(fold, stops, unit, seed)
            _add(parts[EVERYWHERE], said, stops, stops.weight)
            for stopper in stoppers:
                own, weight = _stopping(stopper, fold, stops, trainings, bank, cost_weight)
                more = {"its own value": own} if stopper.cost_weight is not None else {}
                _add(parts[stopper.name], said | more, stops, weight)
    return [_judged(where, unit, of, resamples, seed) for where, of in parts.items()]


def judge_model(bank: Bank, model: ConfidenceModel, *, resamples: int = 2_000, seed: int = 0) -> Judged:
    """Figures of a model that is there already, on the tasks that it did not learn from.

    Raises:
        ConfidenceError: it does not say what it learned from, or it learned from all of these tasks.
        SpecMismatch: the bank lacks features that it reads.
    """
    marks = learned_marks(model)
    left = [task for task in bank.tasks if task not in bank.matching(marks)]
    if not left:
        raise ConfidenceError(f"the model learned from every task of {bank.path}, so none is left to judge it on")
    stops = Stops.of(bank.only(left))
    parts: dict[str, list[Predicted]] = {}
    _add(parts, {"confidence": _probabilities(model, stops)}, stops, stops.weight)
    return _judged(EVERYWHERE, "", parts, resamples, seed)


def learned_marks(model: ConfidenceModel) -> set[str]:
    """Ids, and fingerprints of what they show, of the tasks that a model learned from.

    Raises:
        ConfidenceError: its card does not say.
    """
    tasks, shows = model.card.get("tasks"), model.card.get("shows", [])
    learned = tasks.get("train") if isinstance(tasks, dict) else None
    if not isinstance(learned, list) or not learned or not isinstance(shows, list):
        raise ConfidenceError(
            "the model does not say which tasks it learned from, so none can be judged apart from them: make it anew"
        )
    return {str(mark) for mark in (*learned, *shows)}


def _said(fold: Fold, stops: Stops, unit: Unit, seed: int) -> dict[str, Float64s]:
    """By method: how likely each answer of the judged tasks is right, as the others teach."""
    learned = Stops.of(fold.training)
    mean = float(learned.weight @ learned.score) / float(learned.weight.sum())
    said = {"confidence": _probabilities(fit_confidence(fold.training, unit, seed=seed), stops)}
    if set(AGREEMENT) & set(stops.observations.names):
        agreement = fit_confidence(fold.training, unit, features=AGREEMENT, seed=seed)
        said["agreement alone"] = _probabilities(agreement, stops)
    return said | {"a constant": np.full(len(stops), mean)}


def _probabilities(model: ConfidenceModel, stops: Stops) -> Float64s:
    return model.probabilities(stops.features[:, model.places_in(stops.observations)])


def _stopping(
    policy: CandidatePolicy, fold: Fold, stops: Stops, trainings: Trainings, bank: Bank, cost_weight: float
) -> tuple[Float64s, Float64s]:
    """By its own value: how likely each answer is right; and how often the policy stops there. Both (k,).

    Tasks that it was trained on have a weight of 0.
    """
    last = last_decisions(policy.rollout(fold, 0, trainings), cost_weight)
    own, weight = np.zeros(len(fold.judged)), np.zeros(len(fold.judged))
    own[last.state], weight[last.state] = last.predicted, last.weight
    weight[~np.isin(fold.judged.task, _places(fold, judgeable(bank, [policy])))] = 0.0
    return np.where(weight > 0, own, 0.0)[stops.state], weight[stops.state]


def _places(fold: Fold, kept: Collection[str]) -> list[int]:
    return [place for place, task in enumerate(fold.judged.tasks) if task in kept]


def _add(to: dict[str, list[Predicted]], said: Mapping[str, Float64s], stops: Stops, weight: Float64s) -> None:
    for name, predicted in said.items():
        to.setdefault(name, []).append(Predicted(predicted, stops.score, weight, stops.task, len(stops.tasks)))


def _judged(where: str, held_out: str, parts: Mapping[str, list[Predicted]], resamples: int, seed: int) -> Judged:
    joined = {name: Predicted.joined(of) for name, of in parts.items()}
    tasks = next(iter(joined.values()))
    met = int((tasks.by_task(np.ones(len(tasks.score))) > 0).sum())
    return Judged(where, held_out, met, {name: Figures.of(one, resamples, seed) for name, one in joined.items()})
