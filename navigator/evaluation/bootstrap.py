"""Bootstrap: 95% intervals from tasks drawn anew with replacement (Efron 1979), the same draws for every figure.

A task is the unit: what a policy does on one task with several training seeds is averaged before, since seeds of one
task are no new evidence about tasks. One set of draws for all figures keeps comparisons paired.

Intervals over families draw whole families anew and, in each that was drawn, as many of its tasks (the two-stage
bootstrap of Davison and Hinkley 1997, section 3.8): they say what other families would have given, where those over
tasks say what other tasks of the same families would have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from pilotage.common.statistics import wilson
from pilotage.navigator.bank.arrays import Float64s, Integers
from pilotage.navigator.errors import NavigatorError

Interval = tuple[float, float]

_CELLS = 8_000_000
"""Numbers held at once: bounds the memory on large banks, where draws are repeated in parts instead of being kept."""


LEAST_FAMILIES = 5
"""Families below which drawing them anew says nothing of others."""


class Resampler:
    """Draws of m tasks, from which means of any columns over these tasks follow.

    Args:
        tasks: m.
        resamples: how many draws.
        seed: of the draws; the same gives the same intervals.
        families: of each task, where families are drawn and then tasks within them; None for tasks alone.
    """

    def __init__(
        self, tasks: int, resamples: int = 10_000, seed: int = 0, families: Sequence[str] | None = None
    ) -> None:
        if tasks < 1 or resamples < 100:
            raise NavigatorError(f"an interval needs a task and 100 resamples at least, not {tasks} and {resamples}")
        self.tasks, self.resamples, self.seed = tasks, resamples, seed
        self._family = None if families is None else np.unique(np.array(families), return_inverse=True)[1]
        self._rows = max(1, _CELLS // tasks)

    def means(self, *columns: Float64s) -> Float64s:
        """Mean of each column, shape (m,), in every draw: (resamples, columns); NaN entries are left out of the mean.

        A draw without any known entry gives NaN.
        """
        table = np.stack([np.asarray(column, dtype=float) for column in columns], axis=1)
        known = np.isfinite(table)
        values, weights = np.where(known, table, 0.0), known.astype(float)
        draws = self._kept if self._rows >= self.resamples else self._draws()
        with np.errstate(invalid="ignore"):
            return np.concatenate([(counts @ values) / (counts @ weights) for counts in draws])

    @cached_property
    def _kept(self) -> list[Float64s]:
        return list(self._draws())

    def _draws(self) -> Iterator[Float64s]:
        """How often each task is in each draw, in parts of shape (rows, m)."""
        generator = np.random.default_rng(self.seed)
        for start in range(0, self.resamples, self._rows):
            rows = min(self._rows, self.resamples - start)
            if self._family is not None:
                yield _by_family(generator, rows, self._family)
                continue
            drawn = generator.integers(self.tasks, size=(rows, self.tasks))
            places = drawn + self.tasks * np.arange(rows)[:, None]
            counts = np.bincount(places.ravel(), minlength=rows * self.tasks)
            yield counts.reshape(rows, self.tasks).astype(float)

    def mean(self, column: Float64s) -> Interval:
        """Interval of a mean."""
        return interval(self.means(column)[:, 0])

    def knows(self, column: Float64s) -> bool:
        """Whether a column is known for enough families, where families are drawn."""
        return self._family is None or len(set(self._family[np.isfinite(column)].tolist())) >= LEAST_FAMILIES

    def accuracy(self, scores: Float64s) -> Interval:
        """Interval of a mean score; Wilson's where all scores are 0 or all 1 and the bootstrap has nothing to vary."""
        here = np.isfinite(scores)
        known = scores[here]
        if len(known) and (np.all(known == 0) or np.all(known == 1)):
            units = len(known) if self._family is None else len(set(self._family[here].tolist()))
            return wilson(float(known[0] * units), units)
        return self.mean(scores)

    def ratio(self, above: Float64s, below: Float64s) -> Interval:
        """Interval of a ratio of two means over the tasks where both are known."""
        common = np.isfinite(above) & np.isfinite(below)
        draws = self.means(np.where(common, above, np.nan), np.where(common, below, np.nan))
        with np.errstate(divide="ignore", invalid="ignore"):
            return interval(draws[:, 0] / draws[:, 1])


def over_families(families: Sequence[str], resamples: int, seed: int) -> Resampler | None:
    """Draws of families and of tasks within them, by the family of each task; None for fewer than `LEAST_FAMILIES`."""
    return None if len(set(families)) < LEAST_FAMILIES else Resampler(len(families), resamples, seed, families)


def _by_family(generator: np.random.Generator, rows: int, family: Integers) -> Float64s:
    """How often each task is in each draw of families, and of as many tasks within each as it has; (rows, m)."""
    sizes = np.bincount(family)
    times = generator.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=rows)
    counts = np.zeros((rows, len(family)))
    for place, size in enumerate(sizes.tolist()):
        counts[:, family == place] = generator.multinomial(times[:, place] * size, np.full(size, 1 / size))
    return counts


def interval(draws: Float64s) -> Interval:
    """The middle 95% of draws; NaN where fewer than half of them are finite."""
    finite = draws[np.isfinite(draws)]
    if 2 * len(finite) < len(draws):
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [0.025, 0.975])
    return float(low), float(high)


def interquartile_mean(values: Sequence[float] | Float64s) -> float:
    """Mean of the middle half: without the lowest and the highest quarter of all values, each rounded down.

    Of scores of shape (runs, tasks) all are put into one order, as Agarwal et al. (2021, section 4.3) have it: the
    quarters that go are scores, not whole runs.
    """
    ordered = np.sort(np.asarray(values, dtype=float), axis=None)
    cut = len(ordered) // 4
    return float(ordered[cut : len(ordered) - cut].mean())


def runs_interval(scores: Float64s, fold: Integers, *, resamples: int = 2000, seed: int = 0) -> Interval:
    """Interval of the interquartile mean over runs and tasks, by a stratified bootstrap (Agarwal et al. 2021).

    Runs are drawn anew within each stratum by itself. Here a stratum is a fold, not a single task: what was trained for
    a fold plays all of its tasks, so their scores come and go together. The interval says what other seeds would have
    given on the same tasks; what other tasks would have given is another question.

    Args:
        scores: of each run on each task, shape (runs, tasks).
        fold: number of the fold that each task belongs to, shape (tasks,).
        resamples: how many draws.
        seed: of the draws.
    """
    runs, tasks = scores.shape
    numbers, stratum = np.unique(fold, return_inverse=True)
    generator = np.random.default_rng(seed)
    means = np.empty(resamples)
    for place in range(resamples):
        drawn = generator.integers(runs, size=(runs, len(numbers)))
        means[place] = interquartile_mean(scores[drawn[:, stratum], np.arange(tasks)])
    return interval(means)
