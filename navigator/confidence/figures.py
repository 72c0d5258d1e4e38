"""Figures of predictions of success: how far they are off, what they tell apart, what keeping to the surest wins.

A task weighs as its stops do together. Intervals are 95%, of tasks drawn anew; that of the calibration error lies above
what an endless bank would show, since in a draw every bin is off by chance, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from pilotage.common.statistics import wilson
from pilotage.navigator.bank.arrays import Float64s, Integers
from pilotage.navigator.evaluation.bootstrap import Interval, interval
from pilotage.navigator.evaluation.calibration import BINS
from pilotage.navigator.spaces import ActionMask

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Of the risk-coverage table."""


@dataclass(frozen=True)
class Predicted:
    """k predictions of the success of answers, each (k,).

    Attributes:
        predicted: probability that the answer is right.
        score: what it was given, 0 to 1.
        weight: how often it is met; 0 or more.
        task: index of the task, below `tasks`.
        tasks: how many tasks there are; one that nothing is predicted of has no part in any figure.
    """

    predicted: Float64s
    score: Float64s
    weight: Float64s
    task: Integers
    tasks: int

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Predictions of one after the other fold, of tasks that are counted through."""
        starts = np.cumsum([0, *(part.tasks for part in parts)])
        columns = [np.concatenate([getattr(part, name) for part in parts]) for name in ("predicted", "score", "weight")]
        task = np.concatenate([part.task + start for part, start in zip(parts, starts, strict=False)])
        return cls(columns[0], columns[1], columns[2], task, int(starts[-1]))

    def by_task(self, values: Float64s) -> Float64s:
        """Weighted sums over the predictions of each task, (tasks,)."""
        return _sums(self.task, self.weight * values, self.tasks)


@dataclass(frozen=True)
class Figure:
    """A figure and its interval."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class Above:
    """The answers that are at least so sure: their share of all, and how many of them are right."""

    threshold: float
    share: Figure
    right: Figure


@dataclass(frozen=True)
class Figures:
    """What predictions are worth.

    Attributes:
        ece: expected calibration error in ten bins (Naeini et al. 2015).
        ece_by_chance: what the same predictions would show on average if each were exactly right, on as many tasks.
        brier: mean squared distance (Brier 1950).
        log_loss: mean negative log-likelihood.
        auc: probability that a right answer is surer than a wrong one; ties count half.
        right: of all answers.
        surest_half: right of the surest half of them.
        above: the risk-coverage table.
    """

    ece: Figure
    ece_by_chance: float
    brier: Figure
    log_loss: Figure
    auc: Figure
    right: Figure
    surest_half: Figure
    above: tuple[Above, ...]

    @classmethod
    def of(cls, predicted: Predicted, resamples: int = 2_000, seed: int = 0) -> Self:
        """The figures of some predictions, with intervals of so many draws."""
        drawn = _Resampled(predicted, resamples, seed)
        p, y = predicted.predicted, predicted.score
        likely = np.clip(p, 1e-12, 1 - 1e-12)
        place = np.minimum((p * BINS).astype(np.int64), BINS - 1)
        in_bin = [place == number for number in range(BINS)]
        rows = []
        for threshold in THRESHOLDS:
            sure = (p >= threshold).astype(float)
            rows.append(Above(threshold, drawn.mean(sure), drawn.ratio(sure * y, sure)))
        return cls(
            ece=drawn.mean(*(np.where(inside, p - y, 0.0) for inside in in_bin)),
            ece_by_chance=_ece_by_chance(predicted, in_bin, seed),
            brier=drawn.mean((p - y) ** 2),
            log_loss=drawn.mean(-(y * np.log(likely) + (1 - y) * np.log(1 - likely))),
            auc=drawn.ranked(auc),
            right=drawn.mean(y),
            surest_half=drawn.ranked(surest_half),
            above=tuple(rows),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


class _Resampled:
    """Figures of the tasks as they are, and of tasks drawn anew with replacement: the same draws for every figure."""

    def __init__(self, of: Predicted, resamples: int, seed: int) -> None:
        self.of = of
        drawn = np.random.default_rng(seed).multinomial(of.tasks, np.full(of.tasks, 1 / of.tasks), size=resamples)
        self.times = np.concatenate([np.ones((1, of.tasks)), drawn])  # how often each task is there; at first, once
        self.mass = self.times @ of.by_task(np.ones(len(of.score)))
        self.groups = np.unique(of.predicted, return_inverse=True)[1]

    def mean(self, *columns: Float64s) -> Figure:
        """The weighted mean of a column, (k,); of several columns the sum of the sizes of their means."""
        sums = self.times @ np.stack([self.of.by_task(column) for column in columns], axis=1)
        means = sums[:, 0] if len(columns) == 1 else np.abs(sums).sum(axis=1)
        return _figure(_divided(means, self.mass))

    def ratio(self, above: Float64s, below: Float64s) -> Figure:
        """The ratio of two sums; Wilson's interval where it is 0 or 1 and the draws have nothing to vary."""
        parts = self.of.by_task(above), self.of.by_task(below)
        figure = _figure(_divided(self.times @ parts[0], self.times @ parts[1]))
        if figure.value in (0.0, 1.0):
            right, tasks = (float(part.sum()) for part in parts)
            return Figure(figure.value, wilson(right, max(1, round(tasks))))
        return figure

    def ranked(self, of: Callable[[Float64s, Float64s], float]) -> Figure:
        """A figure of the masses of right and of wrong answers at every prediction, the least sure first."""
        task, groups, score = self.of.task, self.groups, self.of.score
        values = []
        for times in self.times:
            weight = self.of.weight * times[task]
            values.append(of(_sums(groups, weight * score), _sums(groups, weight * (1 - score))))
        return _figure(np.array(values))


def _sums(place: Integers, values: Float64s, least: int = 0) -> Float64s:
    """Sums of the values, (k,), by their places; at least so many."""
    sums: Float64s = np.bincount(place, values, least).astype(np.float64)
    return sums


def _divided(above: Float64s, below: Float64s) -> Float64s:
    ratio: Float64s = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
    return ratio


def _ece_by_chance(of: Predicted, in_bin: Sequence[ActionMask], seed: int, draws: int = 200) -> float:
    """Mean error over made-up results: all answers of a task are right that are surer than one number drawn for it."""
    generator, mass, errors = np.random.default_rng(seed), float(of.weight.sum()), []
    for _ in range(draws):
        right = generator.random(of.tasks)[of.task] < of.predicted
        distance = of.weight * (of.predicted - right)
        errors.append(sum(abs(float(distance[inside].sum())) for inside in in_bin) / mass)
    return float(np.mean(errors))


def _figure(draws: Float64s) -> Figure:
    return Figure(float(draws[0]), interval(draws[1:]))


def auc(right: Float64s, wrong: Float64s) -> float:
    """Probability that a right answer is surer than a wrong one (Bradley 1997); NaN where there is none of either.

    Args:
        right: mass of right answers at each prediction, the least sure first.
        wrong: of wrong ones.
    """
    both = float(right.sum() * wrong.sum())
    below = np.cumsum(wrong) - wrong / 2
    return float(right @ below) / both if both > 0 else float("nan")


def surest_half(right: Float64s, wrong: Float64s) -> float:
    """How many of the surest half of all answers are right; of those that are equally sure, a part in proportion."""
    right, mass = right[::-1], (right + wrong)[::-1]
    before = np.cumsum(mass) - mass
    taken = np.clip(mass.sum() / 2 - before, 0.0, mass)
    share = np.divide(right, mass, out=np.zeros(len(mass)), where=mass > 0)
    return float(taken @ share) / float(taken.sum()) if taken.sum() > 0 else float("nan")
