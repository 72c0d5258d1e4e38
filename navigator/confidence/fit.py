"""Fitting a model of confidence: features, penalty and calibration are chosen by cross-fitting on what is learned from.

Nothing but the bank that is given decides, so whoever holds tasks back from it judges all these choices, too.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import numpy as np

from pilotage.navigator.bank.arrays import BankArrays, Float64s
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.confidence.calibrators import CALIBRATORS
from pilotage.navigator.confidence.logistic import fit_logistic, log_loss, probabilities
from pilotage.navigator.confidence.model import ConfidenceModel
from pilotage.navigator.confidence.stops import Stops
from pilotage.navigator.errors import ConfidenceError
from pilotage.navigator.evaluation.folds import Fold, cross_fit, family_folds
from pilotage.navigator.policies.inputs import Scaling
from pilotage.navigator.spaces import ActionMask
from pilotage.navigator.training.card import about, learned_from

Unit = Literal["tasks", "families"]
"""What is held out at once: single tasks, so that the model knows their families; or whole families."""

RIDGES = (0.3, 1.0, 3.0, 10.0, 30.0)
"""Penalties that are tried; 1 is worth one task."""
FOLDS = 5


def dealt(bank: Bank, unit: Unit, count: int = FOLDS, seed: int = 0) -> list[Fold]:
    """Folds of tasks or of families; of as many families as there are, where these are fewer than `count`.

    Raises:
        BankError: there are too few.
    """
    if unit == "tasks":
        return cross_fit(bank, count, seed)
    return family_folds(bank, max(2, min(count, len(bank.families))), seed)


def fit_confidence(
    bank: Bank, unit: Unit = "families", *, features: Collection[str] | None = None, seed: int = 0
) -> ConfidenceModel:
    """The model that a bank teaches.

    Of all features and those of the runs alone (`Stops.of_the_runs`), and of `RIDGES`, those are taken under which
    tasks, or families, that are held out have the least log loss; of `CALIBRATORS` the one that, fitted to the held-out
    log odds of all folds but one, has the least on that one. What a task looks like tells of its family, and so
    misleads about families that nobody has seen.

    Args:
        bank: its every task is learned from.
        unit: what the inner folds hold out.
        features: names of those to learn from; for None either of the two sets, without those of a run's limits.
        seed: of the dealing.

    Raises:
        ConfidenceError: nothing can be learned: all answers are right, or all wrong, or there is no such feature.
        BankError: too few tasks or families, or damaged trees.
    """
    everything = Stops.of(bank, features).varying()
    score, weight = everything.score, everything.weight
    if not len(everything.observations) or np.ptp(score) == 0:
        what = "no feature of them varies" if not len(everything.observations) else "they are all right, or all wrong"
        raise ConfidenceError(
            f"confidence cannot be learned from the answers of {bank.path}: {what}; record more tasks"
        )
    sides = [_sides(everything, fold) for fold in dealt(bank, unit, seed=seed)]
    sets = [everything] if features is not None else [everything, everything.of_the_runs()]
    tried = [(s, ridge, _cross_fitted(s, sides, ridge)) for s in sets if len(s.observations) for ridge in RIDGES]
    stops, ridge, held_out = min(tried, key=lambda one: log_loss(probabilities(one[2]), score, weight))
    kind = min(CALIBRATORS, key=lambda one: _loss_of_calibration(one, held_out, stops, sides))
    scaling, coefficients = _fit(stops, ridge)
    tasks = {"train": list(stops.tasks)}
    return ConfidenceModel(
        observations=stops.observations,
        scaling=scaling,
        coefficients=coefficients,
        calibrator=CALIBRATORS[kind].fit(held_out, score, weight),
        ridge=ridge,
        card={"bank": about(bank, BankArrays.of(bank)), "held_out": unit, "seed": seed, **learned_from(bank, tasks)},
    )


def _sides(stops: Stops, fold: Fold) -> tuple[ActionMask, ActionMask]:
    """Which stops are learned from, and which are held out, each bool (k,)."""
    return stops.of_tasks(set(fold.training.tasks)), stops.of_tasks(set(fold.judged.tasks))


def _fit(stops: Stops, ridge: float) -> tuple[Scaling, Float64s]:
    scaling = Scaling.from_data(stops.observations, stops.features)
    inputs = scaling(stops.features).astype(np.float64)
    return scaling, fit_logistic(inputs, stops.score, stops.weight, ridge)


def _cross_fitted(stops: Stops, sides: list[tuple[ActionMask, ActionMask]], ridge: float) -> Float64s:
    """Log odds of every stop, (k,), by what the other folds teach."""
    odds = np.zeros(len(stops))
    for learned, held in sides:
        scaling, coefficients = _fit(stops.where(learned), ridge)
        odds[held] = coefficients[0] + scaling(stops.features[held]).astype(np.float64) @ coefficients[1:]
    return odds


def _loss_of_calibration(kind: str, odds: Float64s, stops: Stops, sides: list[tuple[ActionMask, ActionMask]]) -> float:
    likely, weight = np.zeros(len(stops)), stops.weight
    for learned, held in sides:
        likely[held] = CALIBRATORS[kind].fit(odds[learned], stops.score[learned], weight[learned])(odds[held])
    return log_loss(likely, stops.score, weight)
