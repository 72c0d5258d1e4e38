"""Puzzles as pictures: the same rows of grids for a terminal, as SVG and as PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from xml.sax.saxutils import escape

from pilotage.agent.arc.attempts import Attempts
from pilotage.agent.arc.grids import Grid, differing, size
from pilotage.agent.arc.puzzle import Outputs, Puzzle
from pilotage.agent.errors import MissingExtra

PALETTE = (
    *("#000000", "#0074D9", "#FF4136", "#2ECC40", "#FFDC00"),
    *("#AAAAAA", "#F012BE", "#FF851B", "#7FDBFF", "#870C25"),
)
"""The colours of ARC's own site, 0 to 9."""

CELL, GAP, LINE = 14, 24, 18
"""Pixels: of a cell, between grids, and of a line of text."""
WIDEST = 420
"""Pixels of a grid at most: where it has more cells, they are smaller."""
INK, PAPER, LINES = "#222222", "#FFFFFF", "#555555"
_DARK = frozenset((0, 1, 2, 6, 9))


def ink_on(colour: int) -> str:
    """Black or white, whichever is seen on a cell of that colour."""
    return "#FFFFFF" if colour in _DARK else "#000000"


@dataclass(frozen=True)
class Panel:
    """A grid under its title.

    Attributes:
        title: such as `test 1`.
        grid: None for one that nobody knows.
        expected: what it should have been: the cells that differ are marked.
    """

    title: str
    grid: Grid | None
    expected: Grid | None = None

    @property
    def caption(self) -> str:
        """The title, the size, and how far it is from what was expected."""
        shown = self.title if self.grid is None else f"{self.title}, {size(self.grid)}"
        if self.expected is None or self.grid is None:
            return shown
        if size(self.grid) != size(self.expected):
            return f"{shown}, where {size(self.expected)} is right"
        wrong = len(self.wrong)
        return f"{shown}, {'right' if not wrong else f'{wrong} wrong'}"

    @cached_property
    def wrong(self) -> frozenset[tuple[int, int]]:
        """Rows and columns of the cells that differ from what was expected, where both have one size."""
        if self.grid is None or self.expected is None:
            return frozenset()
        return differing(self.grid, self.expected) or frozenset()


Rows = Sequence[Sequence[Panel]]


def rows_of(puzzle: Puzzle, outputs: Outputs | None = None, attempts: Attempts | None = None) -> Rows:
    """A row for each training pair and each test, with the outputs and attempts that are to be seen."""
    rows = [
        [Panel(f"training {number}", pair.input), Panel("becomes", pair.output)]
        for number, pair in enumerate(puzzle.train, 1)
    ]
    for number, test in enumerate(puzzle.tests):
        right = None if outputs is None else outputs[number]
        row = [Panel(f"test {number + 1}", test)]
        tried = () if attempts is None or number >= len(attempts) else attempts[number]
        row += [Panel(f"attempt {place}", grid or None, right) for place, grid in enumerate(tried, 1)]
        if right is not None:
            row.append(Panel("is right", right))
        elif not tried:
            row.append(Panel("becomes ?", None))
        rows.append(row)
    return rows


def svg(rows: Rows) -> str:
    """The rows as an SVG document."""
    width, height, placed = _laid_out(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
    ]
    for panel, left, top, cell in placed:
        parts.append(
            f'<text x="{left}" y="{top - 5}" font-family="sans-serif" font-size="12" fill="{INK}">'
            f"{escape(panel.caption)}</text>"
        )
        for colour, squares in _squares(panel.grid or (), left, top, cell).items():
            parts.append(f'<path d="{squares}" fill="{PALETTE[colour]}" stroke="{LINES}" stroke-width="0.5"/>')
        for y, x in sorted(panel.wrong):
            x1, y1, x2, y2 = _cross(left, top, cell, y, x)
            ink = ink_on(panel.grid[y][x]) if panel.grid else INK
            parts.append(f'<path d="M{x1} {y1}L{x2} {y2}M{x1} {y2}L{x2} {y1}" stroke="{ink}" stroke-width="2"/>')
    return "\n".join([*parts, "</svg>", ""])


def _squares(grid: Grid, left: int, top: int, cell: int) -> dict[int, str]:
    """The cells of each colour as one path, which is a fifth of the text that a rectangle for each would take."""
    found: dict[int, str] = {}
    for y, row in enumerate(grid):
        for x, colour in enumerate(row):
            square = f"M{left + x * cell} {top + y * cell}h{cell}v{cell}h-{cell}z"
            found[colour] = found.get(colour, "") + square
    return found


def png(rows: Rows) -> bytes:
    """The rows as a PNG image.

    Raises:
        MissingExtra: Pillow is not installed.
    """
    try:
        from PIL import Image, ImageDraw
    except ImportError as error:
        raise MissingExtra("a PNG needs Pillow: pip install 'pilotage[arc]', or name a file ending in .svg") from error
    width, height, placed = _laid_out(rows)
    image = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(image)
    for panel, left, top, cell in placed:
        draw.text((left, top - LINE + 2), panel.caption, fill=INK, font_size=12)
        for y, row in enumerate(panel.grid or ()):
            for x, colour in enumerate(row):
                corner = (left + x * cell, top + y * cell)
                draw.rectangle((*corner, corner[0] + cell, corner[1] + cell), PALETTE[colour], LINES)
        for y, x in panel.wrong:
            x1, y1, x2, y2 = _cross(left, top, cell, y, x)
            ink = ink_on(panel.grid[y][x]) if panel.grid else INK
            draw.line((x1, y1, x2, y2), ink, 2)
            draw.line((x1, y2, x2, y1), ink, 2)
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def _cross(left: int, top: int, cell: int, y: int, x: int) -> tuple[int, int, int, int]:
    """The corners of a mark in a cell."""
    inset = max(2, cell // 4)
    return left + x * cell + inset, top + y * cell + inset, left + (x + 1) * cell - inset, top + (y + 1) * cell - inset


def _laid_out(rows: Rows) -> tuple[int, int, list[tuple[Panel, int, int, int]]]:
    """Width and height of the picture, and each panel with its left, its top and the pixels of a cell."""
    placed, top, widest = [], GAP, 0
    for row in rows:
        left, tallest = GAP, 0
        for panel in row:
            height, width = (0, 0) if panel.grid is None else (len(panel.grid), len(panel.grid[0]))
            cell = min(CELL, WIDEST // max(height, width, 1))
            placed.append((panel, left, top + LINE, cell))
            left += max(width * cell, 7 * len(panel.caption)) + GAP
            tallest = max(tallest, height * cell)
        top += LINE + tallest + GAP
        widest = max(widest, left)
    return widest, top, placed


def titled(rows: Rows, title: str) -> Rows:
    """The rows with a title before the first caption."""
    (first, *panels), *others = rows
    return [[replace(first, title=f"{title}: {first.title}"), *panels], *others]
