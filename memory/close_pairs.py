"""Close pairs of unit vectors, exactly and without comparing every number of every pair.

The vectors are turned so that most of their length lies along 32 directions. There the product of two is known; what
is left of them, of lengths r and s, adds at most r * s to it (Cauchy and Schwarz). So one product of 33 numbers bounds
a cosine from above, and only pairs whose bound is high enough are compared in full: one in several thousand where close
means 0.95. Memory is bounded by the blocks, whatever their number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from memory.embedding import Vectors

BLOCK = 2048  # vectors that `among` gets at once
_ROWS = 1024  # of a product: with a block it fits into a processor's cache
_AXES = 32
_SLACK = 1e-3  # for rounding: that of r is up to the root of float32's
_DENSE = 1 / 64  # share of pairs from which on comparing all of them is faster than picking them out


@dataclass(frozen=True)
class Pairs:
    """Pairs in no order: `row` of the queries, `place` in the block, and their cosine; arrays of one length."""

    row: NDArray[np.int64]
    place: NDArray[np.int64]
    similarity: NDArray[np.float32]

    @classmethod
    def none(cls) -> Self:
        """No pair."""
        return cls(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))


class ClosePairs:
    """Compares blocks of vectors with the same queries.

    Args:
        queries: unit vectors [n, dimensions].
        floor: the cosine from which on a pair is close.
    """

    def __init__(self, queries: Vectors, floor: float) -> None:
        self._queries = queries
        self._floor = floor
        _, axes = np.linalg.eigh(queries.T @ queries)  # from the least to the most of their length
        self._axes = np.ascontiguousarray(axes[:, -_AXES:])
        self._short = self._shortened(queries)

    def among(self, block: Vectors) -> Pairs:
        """Every close pair of a query and a vector of the block [m, dimensions]."""
        short = self._shortened(block).T
        found = [self._of_rows(start, short, block) for start in range(0, len(self._queries), _ROWS)]
        return joined(found)

    def _of_rows(self, start: int, short: Vectors, block: Vectors) -> Pairs:
        queries = self._queries[start : start + _ROWS]
        row, place = _where(self._short[start : start + _ROWS] @ short >= self._floor - _SLACK)
        if len(row) > _DENSE * len(queries) * len(block):
            full = queries @ block.T
            row, place = _where(full >= self._floor)
            return Pairs(row + start, place, full[row, place])
        similar = np.einsum("ij,ij->i", queries[row], block[place])
        close = similar >= self._floor
        return Pairs(row[close] + start, place[close], similar[close])

    def _shortened(self, vectors: Vectors) -> Vectors:
        """What the vectors are along the axes, and the length of what is left of them [n, axes + 1]."""
        along = vectors @ self._axes
        left = np.einsum("ij,ij->i", vectors, vectors) - np.einsum("ij,ij->i", along, along)
        return np.column_stack((along, np.sqrt(np.maximum(left, 0.0))))


def _where(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What `np.nonzero` gives, ten times faster where hardly anything is true."""
    row, place = np.divmod(np.flatnonzero(mask), max(1, mask.shape[1]))
    return row, place


def joined(parts: list[Pairs]) -> Pairs:
    """The pairs of all parts."""
    return Pairs(
        np.concatenate([part.row for part in parts]),
        np.concatenate([part.place for part in parts]),
        np.concatenate([part.similarity for part in parts]),
    )


def closest(pairs: Pairs, most: int) -> Pairs:
    """Of each row the `most` closest, sorted by row, then from the closest on; of equals the lower place first."""
    order = np.lexsort((pairs.place, -pairs.similarity, pairs.row))
    row = pairs.row[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    kept = order[rank < most]
    return Pairs(pairs.row[kept], pairs.place[kept], pairs.similarity[kept])
