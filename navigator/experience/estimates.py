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
        scores, costs, counts = self.outcomes.tables
        whole = (weights > 0).astype(float)  # whoever may not be foreseen by a task has none of it in the mean either
        general = np.tensordot(whole, counts, 1)
        mean = _ratio(np.tensordot(whole, scores, 1), general, 0.5)
        price = _ratio(np.tensordot(whole, costs, 1), general, 0.0)
        known = np.tensordot(weights, counts, 1)
        total = known + smoothing.prior
        success = (np.tensordot(weights, scores, 1) + smoothing.prior * mean) / total
        cost = (np.tensordot(weights, costs, 1) + smoothing.prior * price) / total
        # Of the posterior from one success and one failure on: three of three are no certainty.
        right, wrong = success * total + 1, (1 - success) * total + 1
        error = np.where(general > 0, np.sqrt(right * wrong / ((total + 2) ** 2 * (total + 3))), 1.0)
        return Estimates(np.clip(success, 0, 1), cost, known, error)

    def _chosen(self) -> Smoothing:
        if len(self.outcomes.vectors) < 2:
            return Smoothing()
        scores, _, counts = self.outcomes.tables
        met = counts > 0
        actual = scores[met] / counts[met]
        losses: dict[Smoothing, float] = {}
        for bandwidth in BANDWIDTHS:
            weights = self._others(bandwidth)
            for prior in PRIORS:
                smoothing = Smoothing(bandwidth, prior)
                foreseen = np.clip(self._estimates(weights, smoothing).success[met], LEAST, 1 - LEAST)
                losses[smoothing] = -float((actual * np.log(foreseen) + (1 - actual) * np.log(1 - foreseen)).mean())
        return min(losses, key=lambda one: losses[one])


def _kernel(cosines: NDArray[np.floating], bandwidth: float) -> Float64s:
    """Weights by cosine; never quite 0, so that a task that is like no other has the general means."""
    return np.exp((np.minimum(np.asarray(cosines, dtype=np.float64), 1.0) - 1.0) / bandwidth)


def _ratio(sums: Float64s, counts: Float64s, otherwise: float) -> Float64s:
    return np.where(counts > 0, sums / np.maximum(counts, 1), otherwise)
