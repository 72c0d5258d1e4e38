"""Encodings: grids as the text that a model reads and writes.

Models differ in what they read best, and a grid's tokens are most of what a puzzle costs, so the notation is a choice.
Whatever was asked for, what a model writes is read in any of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pilotage.agent.arc.grids import Grid, digits, grid_from
from pilotage.agent.errors import TaskError

WORDS = ("black", "blue", "red", "green", "yellow", "gray", "pink", "orange", "teal", "maroon")
"""Of the colours 0 to 9, as BARC's prompts call them (Li et al. 2024)."""
_OTHER_WORDS = {"grey": 5, "magenta": 6, "fuchsia": 6, "cyan": 8, "azure": 8, "brown": 9}
_PLACES = {word: place for place, word in enumerate(WORDS)} | _OTHER_WORDS
_FENCED = re.compile(r"```([^\n`]*)\n(.*?)```", re.S)
_RULE = re.compile(r"\s*[-:|+=\s\[\]]*[-:|+=\[\]][-:|+=\s\[\]]*")
"""A line that is drawn, or has nothing but brackets, between rows of one grid."""
_AROUND = " \t[]()|,;"
_DIGIT = re.compile("[0-9]")


@dataclass(frozen=True)
class Encoding:
    """A notation.

    Attributes:
        about: one sentence that tells a model how it is read.
        write: the text of a grid.
    """

    about: str
    write: Callable[[Grid], str]


ABOUT = {
    "spaced": "Grids are written row by row; each digit from 0 to 9 is the colour of a cell.",
    "digits": "Grids are written row by row; each digit is the colour of a cell.",
    "json": "Grids are JSON lists of rows; each number from 0 to 9 is the colour of a cell.",
    "words": f"Grids are written row by row; each word is the colour of a cell: {', '.join(WORDS)} for 0 to 9.",
}
"""What a model is told of each notation; a bank's prompt hash covers it."""

ENCODINGS: Mapping[str, Encoding] = MappingProxyType(
    {
        "spaced": Encoding(ABOUT["spaced"], lambda grid: "\n".join(" ".join(map(str, row)) for row in grid)),
        "digits": Encoding(ABOUT["digits"], digits),
        "json": Encoding(ABOUT["json"], lambda grid: json.dumps([list(row) for row in grid], separators=(",", ":"))),
        "words": Encoding(
            ABOUT["words"], lambda grid: "\n".join(" ".join(WORDS[cell] for cell in row) for row in grid)
        ),
    }
)


def read_grid(text: str) -> Grid | None:
    """The grid that a text is, in any notation; None where it is none."""
    grids = _grids(text)
    return grids[0] if len(grids) == 1 else None


def grids_in(reply: str, count: int) -> tuple[Grid, ...] | None:
    """The last `count` grids of a reply, in order; None where it has fewer, or one of its last is damaged.

    Where it has fenced blocks, grids stand in these alone; else they are lines of cells, set apart by any other text.
    """
    blocks = [f"{first}\n{rest}" if _row(first) else rest for first, rest in _FENCED.findall(reply)]
    if blocks:
        found = [grid for block in blocks for grid in _grids(block) or [None]]
    else:
        found = [grid for grid in _grids(reply) if grid is None or len(grid) * len(grid[0]) > 1]
    last = [grid for grid in found[-count:] if grid is not None]
    return tuple(last) if len(last) == count else None


def _grids(text: str) -> list[Grid | None]:
    """The grids of a text, each of lines that have nothing but cells; None for one whose lines make none."""
    try:
        return [grid_from(json.loads(text))]
    except (ValueError, RecursionError, TaskError):
        pass
    found: list[Grid | None] = []
    lines: list[tuple[int, ...]] = []
    for line in [*text.splitlines(), "."]:
        if _RULE.fullmatch(line):
            continue
        rows = [_row(part) for part in _split(line)]
        if all(rows) and rows:
            lines += rows
            continue
        if lines:
            found.append(_grid(lines))
        lines = []
    return found


def _split(line: str) -> list[str]:
    """The rows of a line: one, or those of a list in a list."""
    return [part for part in line.split("],") if part.strip(" []")] if "[[" in line else [line]


def _grid(rows: list[tuple[int, ...]]) -> Grid | None:
    try:
        return grid_from(rows)
    except TaskError:
        return None


def _row(line: str) -> tuple[int, ...]:
    """The cells of a line; none where it holds anything else, numbers of several digits beside others too."""
    parts = line.strip(_AROUND).replace("|", " ").replace(",", " ").replace(";", " ").split()
    if len(parts) == 1 and parts[0].isdecimal() and parts[0].isascii():
        return tuple(map(int, parts[0]))
    cells = [_PLACES.get(part.lower()) if not _DIGIT.fullmatch(part) else int(part) for part in parts]
    return tuple(cell for cell in cells if cell is not None) if None not in cells else ()
