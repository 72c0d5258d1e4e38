"""The k nearest of many rows, as a full sort of exact distances would have them, for a fraction of its time.

A product of matrices gives all distances at once, but rounded: what may be among the nearest by these is measured
exactly, and only that is sorted. So ties, and what rounding makes a tie, come out as a full sort has them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pilotage.navigator.policies.inputs import Float32s
from pilotage.navigator.spaces import ActionMask

Integers = NDArray[np.int64]

_ROUNDING = 2.0**-22
"""Error of a float32 sum of products, of each term's size: four times its unit roundoff."""

_GROUP = 16
"""Rows of which only the nearest has a say in how far the k nearest may be: a bound, got without sorting the others."""


class Neighbours:
    """Rows to look for the nearest in.

    Args:
        rows: float32 (n, f).
        pools: indices of the rows that may be found, in order, none of them empty; each pool is looked through alone.
        k: how many to find.
    """

    def __init__(self, rows: Float32s, pools: Sequence[Integers], k: int) -> None:
        self.rows, self.pools, self.k = rows, pools, k
        self._norms: Float32s = (rows**2).sum(axis=1)
        self._largest = float(self._norms.max())

    def of(self, query: Float32s) -> list[Integers]:
        """Of each pool the nearest to one row, (f,): nearest first, of equals the first; all of a small pool."""
        return [who[0, known[0]] for who, known in self.of_all(query[None])]

    def of_all(self, queries: Float32s, forbidden: ActionMask | None = None) -> list[tuple[Integers, ActionMask]]:
        """Of each pool the nearest to each of b rows, (b, f): indices, and which of them are there, both (b, up to k).

        Args:
            queries: the rows.
            forbidden: bool (b, n): what may not be found; None for nothing.
        """
        quick = self._norms - 2 * (queries @ self.rows.T)
        if forbidden is not None:
            np.putmask(quick, forbidden, np.inf)
        sizes = (queries**2).sum(axis=1)
        margin = (self.rows.shape[1] + 8) * _ROUNDING * (sizes + self._largest)
        found = []
        for pool in self.pools:
            distances = quick if len(pool) == len(self.rows) else np.take(quick, pool, axis=1)
            found.append(self._nearest(queries, distances, margin, pool))
        return found

    def _nearest(
        self, queries: Float32s, quick: Float32s, margin: Float32s, pool: Integers
    ) -> tuple[Integers, ActionMask]:
        width = min(self.k, len(pool))
        limit = np.minimum(_within(quick, width) + 2 * margin, np.finfo(np.float32).max)
        row, place = np.nonzero(quick <= limit[:, None])
        exact = ((self.rows[pool[place]] - queries[row]) ** 2).sum(axis=1)
        order = np.lexsort((exact, row))  # stable: of equals the first
        row, place = row[order], place[order]
        begins = np.searchsorted(row, np.arange(len(queries)))
        rank = np.arange(len(row)) - begins[row]
        kept = rank < width
        who = np.full((len(queries), width), pool[0])
        known = np.zeros((len(queries), width), dtype=np.bool_)
        who[row[kept], rank[kept]] = pool[place[kept]]
        known[row[kept], rank[kept]] = True
        return who, known


def _within(distances: Float32s, k: int) -> Float32s:
    """How far the k nearest of each row of distances, (b, n), are at most; (b,)."""
    rows, count = distances.shape
    group = max(1, min(_GROUP, count // k))
    columns = count // group
    nearest = distances[:, : group * columns].reshape(rows, group, columns).min(axis=1)
    bound: Float32s = np.partition(nearest, k - 1, axis=1)[:, k - 1]
    return bound
