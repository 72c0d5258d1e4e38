"""Estimates from earlier tasks: a kernel over their embeddings, shrunk to what holds for all of them.

Nadaraya-Watson means over the nearest tasks, with an empirical Bayes prior: as if `prior` tasks of no particular kind
had been met beside them. Bandwidth and prior are those under which each earlier task would have been foreseen best by
the others (least mean log loss, leaving one out), so that with few or unlike tasks the estimates are the general means.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pilotage.navigator.bank.embeddings import Vectors

Float64s = NDArray[np.float64]
Integers = NDArray[np.int64]

BANDWIDTHS = (0.05, 0.1, 0.2, 0.4)
"""Of cosine distance, at which a task's weight has fallen to 1/e."""

PRIORS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
LEAST = 0.02
"""No estimate is surer than this and 1 minus this while bandwidth and prior are chosen: log loss has no bound."""


@dataclass(frozen=True)
class Smoothing:
    """How far earlier tasks reach.

    Attributes:
        bandwidth: of the kernel, in cosine distance.
        prior: how many average tasks stand beside those that are near.
    """

    bandwidth: float = 0.1
    prior: float = 2.0


@dataclass(frozen=True)
class Estimates:
    """Of each of n tasks, what each of a actions comes to in each of s situations; each shape (n, s, a).

    Attributes:
        success: expected score, 0 to 1.
        cost: expected thousands of tokens from there on.
        known: how many earlier tasks this rests on, near ones counting more.
        error: standard error of `success`; 1 where the action was never met there.
    """

    success: Float64s
    cost: Float64s
    known: Float64s
    error: Float64s


@dataclass(frozen=True)
class Outcomes:
    """r earlier outcomes on m tasks: what following an action to the end came to.

    Attributes:
        vectors: embeddings of the tasks, float32 (m, d).
        task: int (r,): index of the task.
        situation: int (r,).
        action: int (r,).
        success: float (r,): score in the end, 0 to 1.
        cost: float (r,): thousands of tokens from there to the end.
        shape: numbers of situations and actions.
    """

    vectors: Vectors
    task: Integers
    situation: Integers
    action: Integers
    success: Float64s
    cost: Float64s
    shape: tuple[int, int]

    def __len__(self) -> int:
        return len(self.task)

    @cached_property
    def tables(self) -> tuple[Float64s, Float64s, Float64s]:
        """Of each task the sum of scores, the sum of costs and the count of each cell, each (m, s, a)."""
        shape = (len(self.vectors), *self.shape)
        place = (self.task, self.situation, self.action)
        tables = tuple(np.zeros(shape) for _ in range(3))
        for table, values in zip(tables, (self.success, self.cost, np.ones(len(self))), strict=True):
            np.add.at(table, place, values)
        return tables[0], tables[1], tables[2]


class Experience:
    """Estimates for new tasks from earlier outcomes.

    Args:
        outcomes: the earlier ones.
        smoothing: how far they reach; chosen by leaving each task out where None.
        twins: of each of the m tasks what it shows, in whatever form: a task is never foreseen by one that shows the
            same. By default each task shows something else.
    """

    def __init__(self, outcomes: Outcomes, smoothing: Smoothing | None = None, twins: tuple[str, ...] = ()) -> None:
        self.outcomes = outcomes
        self._twins = np.array(twins or [str(place) for place in range(len(outcomes.vectors))])
        self.smoothing = smoothing or self._chosen()

    def estimates(self, vectors: Vectors) -> Estimates:
        """For new tasks, by their embeddings (n, d)."""
        return self._estimates(_kernel(vectors @ self.outcomes.vectors.T, self.smoothing.bandwidth), self.smoothing)

    def among_themselves(self) -> Estimates:
        """For the earlier tasks, each by the others alone."""
        return self._estimates(self._others(self.smoothing.bandwidth), self.smoothing)

    def _others(self, bandwidth: float) -> Float64s:
        vectors = self.outcomes.vectors
        return np.where(self._same, 0.0, _kernel(vectors @ vectors.T, bandwidth))

    @cached_property
    def _same(self) -> NDArray[np.bool_]:
        same: NDArray[np.bool_] = self._twins[:, None] == self._twins[None, :]
        return same

    def _estimates(self, weights: Float64s, smoothing: Smoothing) -> Estimates:
        """By the weight of each earlier task for each new one, (n, m)."""
        success, cost, known, error = self._of_met(weights, smoothing)
        shape = (len(weights), *self.outcomes.shape)
        cells = ((success, 0.5), (cost, 0.0), (known, 0.0), (error, 1.0))
        return Estimates(*(self._spread(values, otherwise, shape) for values, otherwise in cells))

    def _of_met(self, weights: Float64s, smoothing: Smoothing) -> tuple[Float64s, Float64s, Float64s, Float64s]:
        """Success, cost, how much is known and error of the cells that were ever met, each (n, cells)."""
        scores, costs, counts = (table[:, self._met] for table in self.outcomes.tables)
        whole = (weights > 0).astype(float)  # whoever may not be foreseen by a task has none of it in the mean either
        general = whole @ counts
        mean = _ratio(whole @ scores, general, 0.5)
        price = _ratio(whole @ costs, general, 0.0)
        known = weights @ counts
        total = known + smoothing.prior
        success = (weights @ scores + smoothing.prior * mean) / total
        cost = (weights @ costs + smoothing.prior * price) / total
        # Of the posterior from one success and one failure on: three of three are no certainty.
        right, wrong = success * total + 1, (1 - success) * total + 1
        error = np.where(general > 0, np.sqrt(right * wrong / ((total + 2) ** 2 * (total + 3))), 1.0)
        return np.clip(success, 0, 1), cost, known, error

    @cached_property
    def _met(self) -> NDArray[np.bool_]:
        """Which situations and actions were ever met together, (s, a): few of all that there are."""
        return np.asarray((self.outcomes.tables[2] > 0).any(axis=0), dtype=np.bool_)

    def _spread(self, values: Float64s, otherwise: float, shape: tuple[int, ...]) -> Float64s:
        whole = np.full(shape, otherwise, dtype=float)
        whole[:, self._met] = values
        return whole

    def _chosen(self) -> Smoothing:
        if len(self.outcomes.vectors) < 2:
            return Smoothing()
        scores, _, counts = (table[:, self._met] for table in self.outcomes.tables)
        met = counts > 0
        actual = scores[met] / counts[met]
        losses: dict[Smoothing, float] = {}
        for bandwidth in BANDWIDTHS:
            weights = self._others(bandwidth)
            for prior in PRIORS:
                smoothing = Smoothing(bandwidth, prior)
                foreseen = np.clip(self._of_met(weights, smoothing)[0][met], LEAST, 1 - LEAST)
                losses[smoothing] = -float((actual * np.log(foreseen) + (1 - actual) * np.log(1 - foreseen)).mean())
        return min(losses, key=lambda one: losses[one])


def _kernel(cosines: NDArray[np.floating], bandwidth: float) -> Float64s:
    """Weights by cosine; never quite 0, so that a task that is like no other has the general means."""
    return np.exp((np.minimum(np.asarray(cosines, dtype=np.float64), 1.0) - 1.0) / bandwidth)


def _ratio(sums: Float64s, counts: Float64s, otherwise: float) -> Float64s:
    return np.where(counts > 0, sums / np.maximum(counts, 1), otherwise)
