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
_FENCED = re.compile(r"```[^\n`]*\n(.*?)```", re.S)
_CELL = re.compile(r"[0-9]|[A-Za-z]+")


@dataclass(frozen=True)
class Encoding:
    """A notation.

    Attributes:
        about: one sentence that tells a model how it is read.
        write: the text of a grid.
    """

    about: str
    write: Callable[[Grid], str]


ENCODINGS: Mapping[str, Encoding] = MappingProxyType(
    {
        "spaced": Encoding(
            "Grids are written row by row; each digit from 0 to 9 is the colour of a cell.",
            lambda grid: "\n".join(" ".join(map(str, row)) for row in grid),
        ),
        "digits": Encoding("Grids are written row by row; each digit is the colour of a cell.", digits),
        "json": Encoding(
            "Grids are JSON lists of rows; each number from 0 to 9 is the colour of a cell.",
            lambda grid: json.dumps([list(row) for row in grid], separators=(",", ":")),
        ),
        "words": Encoding(
            f"Grids are written row by row; each word is the colour of a cell: {', '.join(WORDS)} for 0 to 9.",
            lambda grid: "\n".join(" ".join(WORDS[cell] for cell in row) for row in grid),
        ),
    }
)


def read_grid(text: str) -> Grid | None:
    """The grid that a text is, in any notation; None where it is none."""
    text = text.strip()
    try:
        return (
            grid_from(json.loads(text)) if text.startswith("[") else _rows([_row(line) for line in text.splitlines()])
        )
    except (ValueError, RecursionError, TaskError):
        return None


def grids_in(reply: str, count: int) -> tuple[Grid, ...] | None:
    """The last `count` grids of a reply, in order; None where it has fewer.

    A grid is a fenced block, a JSON list on lines of its own, or lines that have nothing but cells.
    """
    found = [grid for block in _FENCED.findall(reply) if (grid := read_grid(block)) is not None]
    if len(found) < count:
        found = _in_lines(reply)
    return tuple(found[-count:]) if len(found) >= count else None


def _in_lines(reply: str) -> list[Grid]:
    found: list[Grid] = []
    lines: list[tuple[int, ...]] = []
    for line in [*reply.splitlines(), ""]:
        row = _row(line)
        if row:
            lines.append(row)
            continue
        if (grid := _rows(lines)) is not None:
            found.append(grid)
        lines = []
        start = line.find("[[")
        whole = read_grid(line[start:].rstrip("` .")) if start >= 0 else None
        found += [whole] if whole is not None else []
    return found


def _rows(rows: list[tuple[int, ...]]) -> Grid | None:
    try:
        return grid_from(rows)
    except TaskError:
        return None


def _row(line: str) -> tuple[int, ...]:
    """The cells of a line; none where it holds anything else."""
    rest = _CELL.sub("", line).strip(" \t,|;")
    if rest.strip(" \t,|;"):
        return ()
    cells = [_PLACES.get(cell.lower(), None) if cell.isalpha() else int(cell) for cell in _CELL.findall(line)]
    return tuple(cell for cell in cells if cell is not None) if None not in cells else ()
