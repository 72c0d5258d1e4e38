"""Grid: rows of colours, as ARC has them; what is none is told in a few words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from pilotage.agent.errors import TaskError

Grid = tuple[tuple[int, ...], ...]
"""Rows from the top, each of the same number of cells from the left; a cell is a colour from 0 to 9."""

COLOURS = 10
LARGEST = 30
"""Rows or columns at most."""


def grid_from(given: Any) -> Grid:
    """The grid that lists from JSON, or rows of anything else, hold.

    Raises:
        TaskError: it is empty, ragged, larger than 30 by 30, or a cell is no whole number from 0 to 9.
    """
    if not isinstance(given, list | tuple) or not all(isinstance(row, list | tuple) for row in given):
        raise TaskError("a grid is a list of rows, each a list of colours")
    rows = [tuple(row) for row in given]
    if not rows or not all(rows):
        raise TaskError("a grid is empty")
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise TaskError(f"a grid is ragged: it has rows of {' and '.join(map(str, sorted(widths)))} cells")
    height, width = len(rows), len(rows[0])
    if max(height, width) > LARGEST:
        raise TaskError(f"a grid has {height} rows of {width} cells, and {LARGEST} by {LARGEST} is the largest")
    for number, row in enumerate(rows):
        for cell in row:
            if type(cell) is not int or not 0 <= cell < COLOURS:
                raise TaskError(f"row {number + 1} of a grid has {cell!r:.40}, and colours are whole numbers 0 to 9")
    return tuple(rows)


def digits(grid: Grid) -> str:
    """A grid as lines of digits, the shortest text that it has."""
    return "\n".join("".join(map(str, row)) for row in grid)


def size(grid: Grid) -> str:
    """Rows and columns, for people."""
    return f"{len(grid)}x{len(grid[0])}"


def differing(one: Grid, other: Grid) -> frozenset[tuple[int, int]] | None:
    """Rows and columns of the cells in which two grids differ, from 0; None where they are of different size."""
    if size(one) != size(other):
        return None
    return frozenset(
        (y, x)
        for y, (row, others) in enumerate(zip(one, other, strict=True))
        for x, (cell, wanted) in enumerate(zip(row, others, strict=True))
        if cell != wanted
    )


def fingerprint(*grids: Grid) -> str:
    """A short hash of one grid, or of several in their order."""
    return short_hash(map(digits, grids))


def short_hash(texts: Iterable[str]) -> str:
    """16 hexadecimal digits that texts in this order have, and others have not."""
    return hashlib.sha256("\n\n".join(texts).encode()).hexdigest()[:16]
