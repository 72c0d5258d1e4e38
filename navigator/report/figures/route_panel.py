"""One route map: blocks on an oval, arrows between them that are as wide as tasks take them often.

All arrows bend towards the middle, so none runs through a third block or through a name, which stand outside.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch
from numpy.typing import NDArray

from pilotage.navigator.evaluation.schema import Edge, Routes
from pilotage.navigator.report.palette import INK, MUTED, PAPER
from pilotage.navigator.report.wording import elided

LEAST = 0.02
"""Arrows that are taken less often a task are left out."""

START, END = "start", "answer"

_NUMBERED = 0.05
_ALONG = (0.5, 0.42, 0.58, 0.34, 0.66, 0.27, 0.73, 0.2, 0.8)
"""Where on an arrow its number may stand, the middle first."""

Place = tuple[float, float]
Point = NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """Sizes of a panel's parts in points.

    Attributes:
        widest: width of an arrow that every task takes once.
        node: diameter of a block.
        text: height of names.
        numbers: whether arrows have their numbers.
        side: room to the left and the right, in units of the oval.
    """

    widest: float
    node: float
    text: float
    numbers: bool
    side: float


LARGE = Scale(widest=9.0, node=10.0, text=10.0, numbers=True, side=0.2)
LITTLE = Scale(widest=4.5, node=4.5, text=7.0, numbers=False, side=0.42)


def drawn(one: Routes) -> list[Edge]:
    """The moves that are drawn, the rarest first."""
    return sorted((e for e in one.edges if e.share >= LEAST), key=lambda edge: (edge.share, edge.source, edge.to))


def draw_panel(axes: Axes, one: Routes, places: Mapping[str, Place], colour: str, scale: Scale = LITTLE) -> None:
    """Draws one map. `places` are those of all panels, from -1 to 1; blocks without moves here are faint."""
    axes.set_axis_off()
    axes.set_xlim(-1 - scale.side, 1 + scale.side)
    axes.set_ylim(-1.6, 1.6)
    edges = drawn(one)
    moves = {(edge.source, edge.to) for edge in edges}
    used = {name for move in moves for name in move}
    for edge in edges:
        if edge.source == edge.to:
            _ring(axes, places[edge.to], edge.share, colour, scale)
        else:
            _arrow(axes, places, edge, (edge.to, edge.source) in moves, colour, scale)
    for name, (x, y) in places.items():
        here = name in used
        axes.plot(
            x,
            y,
            "o",
            ms=scale.node if here else 0.5 * scale.node,
            mfc=colour if here and name != START else PAPER,
            mec=colour if here else MUTED,
            mew=0.13 * scale.node,
            alpha=1 if here else 0.5,
            zorder=5,
        )
    _names(axes, places, used, {source for source, to in moves if source == to}, scale)
    if scale.numbers:
        taken = [_pixels(axes, place) for place in places.values()]
        for edge in reversed(edges):
            if edge.share >= _NUMBERED and edge.source != edge.to:
                _number(axes, places, edge, (edge.to, edge.source) in moves, taken)


def _names(axes: Axes, places: Mapping[str, Place], used: set[str], ringed: set[str], scale: Scale) -> None:
    """Names outside the oval; one that would touch its neighbour moves a line further out."""
    taken: list[tuple[float, float, float]] = []  # left and right end, height, in points
    for name, place in sorted(places.items(), key=lambda item: item[1]):
        text = elided(name, 13)
        away = 0.5 * scale.node + 3
        if name in (START, END):
            offset = (math.copysign(away, place[0]), 0.0)
            side, level = ("right" if place[0] < 0 else "left"), "center"
        else:
            away += 1.15 * scale.node if name in ringed else 0
            x, y = _pixels(axes, place) / _point(axes)
            half = 0.33 * scale.text * len(text)
            beside = [at for left, right, at in taken if x - half < right and left < x + half]
            while any(abs(y + math.copysign(away, place[1]) - at) < 1.05 * scale.text for at in beside):
                away += 0.6 * scale.text
            offset, side, level = (0.0, math.copysign(away, place[1])), "center", "bottom" if place[1] > 0 else "top"
            if name in used or scale.numbers:
                taken.append((x - half, x + half, y + offset[1]))
        if name in used or scale.numbers:
            axes.annotate(
                text,
                place,
                xytext=offset,
                textcoords="offset points",
                ha=side,
                va=level,
                size=scale.text,
                color=INK if name in used else MUTED,
                zorder=6,
            )


def _point(axes: Axes) -> float:
    """Pixels of one point."""
    figure = axes.get_figure(root=True)
    return figure.dpi / 72 if figure is not None else 1.0


def _pixels(axes: Axes, place: Sequence[float]) -> Point:
    found: Point = axes.transData.transform(place)
    return found


def _bend(places: Mapping[str, Place], edge: Edge, both: bool) -> float:
    """Curvature of an arrow, towards the middle; of two arrows there and back, one bends more."""
    (x0, y0), (x1, y1) = places[edge.source], places[edge.to]
    turn = x0 * (y1 - y0) - y0 * (x1 - x0)  # positive where the middle lies on the left; arc3 bends to the right
    if abs(turn) < 0.05:  # through the middle
        return 0.12 if both else 0.0
    return math.copysign(0.32 if both and (x1, y1) < (x0, y0) else 0.12, -turn)


def _arrow(axes: Axes, places: Mapping[str, Place], edge: Edge, both: bool, colour: str, scale: Scale) -> None:
    width = min(max(0.6, scale.widest * edge.share), 1.6 * scale.widest)
    head = 0.55 * scale.node + 1.1 * width
    axes.add_patch(
        FancyArrowPatch(
            places[edge.source],
            places[edge.to],
            connectionstyle=f"arc3,rad={_bend(places, edge, both)}",
            arrowstyle=f"simple,head_length={head},head_width={0.95 * head},tail_width={width}",
            mutation_scale=1,
            lw=0,
            fc=colour,
            alpha=0.6,
            shrinkA=0.5 * scale.node + 1,
            shrinkB=0.5 * scale.node + 1.5,
            zorder=3,
        )
    )


def _ring(axes: Axes, place: Place, share: float, colour: str, scale: Scale) -> None:
    """A block after itself: a ring on the outer side of its place."""
    unit = abs(_pixels(axes, (0, 1))[1] - _pixels(axes, (0, 0))[1])
    away = 0.95 * scale.node * _point(axes) / unit
    width = max(0.6, scale.widest * share)
    axes.plot(
        place[0], place[1] + math.copysign(away, place[1]), "o", ms=1.3 * scale.node, mfc="none", mec=colour, mew=width,
        alpha=0.6, zorder=3,
    )  # fmt: skip


def _number(axes: Axes, places: Mapping[str, Place], edge: Edge, both: bool, taken: list[Point]) -> None:
    """How often an arrow is taken, at a point of it that is still free."""
    start, end = _pixels(axes, places[edge.source]), _pixels(axes, places[edge.to])
    across = np.array([end[1] - start[1], start[0] - end[0]])
    control = (start + end) / 2 + _bend(places, edge, both) * across  # as arc3 has it, on the screen
    at = [(1 - t) ** 2 * start + 2 * t * (1 - t) * control + t * t * end for t in _ALONG]

    def free(point: Point) -> float:
        """Least distance to what is there, 1 where two numbers just do not touch."""
        nearest = min(max(abs(point[0] - x) / 26, abs(point[1] - y) / 13) for x, y in taken)
        return float(nearest) / _point(axes)

    found = next((point for point in at if free(point) >= 1), None)
    if found is None:
        found = max(at, key=free)
    taken.append(found)
    x, y = axes.transData.inverted().transform(found)
    axes.text(
        x,
        y,
        f"{edge.share:.2f}",
        ha="center",
        va="center",
        size=8,
        color=INK,
        zorder=7,
        bbox={"boxstyle": "round,pad=0.12", "fc": PAPER, "ec": "none", "alpha": 0.85},
    )
