"""One route map: blocks on an oval, arrows between them that are as wide as tasks take them often.

All arrows bend towards the middle, so none runs through a third block or through a name, which stand outside.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.bezier import BezierSegment
from matplotlib.patches import ConnectionStyle, FancyArrowPatch

from pilotage.navigator.bank.arrays import Floats
from pilotage.navigator.evaluation.schema import Edge, Routes
from pilotage.navigator.report.palette import INK, MUTED, PAPER
from pilotage.navigator.report.wording import elided

LEAST = 0.02
"""Arrows that are taken less often a task are left out."""

START, END = "start", "answer"

_NUMBERED = 0.05
_ALONG = (0.36, 0.5, 0.64, 0.27, 0.73)
"""Where on an arrow its number may stand: best before the middle, where arrows cross."""

Place = tuple[float, float]


def drawn(one: Routes) -> list[Edge]:
    """The moves that are drawn, the rarest first."""
    return sorted((e for e in one.edges if e.share >= LEAST), key=lambda edge: (edge.share, edge.source, edge.to))


class Panel:
    """Draws one map.

    Args:
        axes: where, at their final place in the figure.
        one: the moves.
        places: of the blocks in all panels, from -1 to 1; blocks without moves here are faint.
        colour: of blocks and arrows.
        large: larger, with numbers, and the names of faint blocks.
    """

    def __init__(self, axes: Axes, one: Routes, places: Mapping[str, Place], colour: str, large: bool = False) -> None:
        self.axes, self.places, self.colour, self.large = axes, places, colour, large
        self.node, self.text, self.widest, side = (10.0, 10.0, 9.0, 0.2) if large else (4.5, 7.0, 4.5, 0.42)  # points
        edges = drawn(one)
        self.moves = {(edge.source, edge.to) for edge in edges}
        self.used = {name for move in self.moves for name in move}
        axes.set_axis_off()
        axes.set_xlim(-1 - side, 1 + side)
        axes.set_ylim(-1.6, 1.6)
        self.taken = list(axes.transData.transform(list(places.values())))
        for edge in edges:
            if edge.source == edge.to:
                self._ring(edge)
            else:
                self._arrow(edge)
        for name, place in places.items():
            here = name in self.used
            axes.plot(
                *place, "o", ms=self.node * (1 if here else 0.5), mfc=colour if here and name != START else PAPER,
                mec=colour if here else MUTED, mew=0.13 * self.node, alpha=1 if here else 0.5, zorder=5,
            )  # fmt: skip
        self._names()

    def _names(self) -> None:
        """Names outside the oval; one that would touch its neighbour moves a line further out."""
        taken: list[tuple[float, float, float]] = []  # left and right end, height, in points
        for name, place in sorted(self.places.items(), key=lambda item: item[1]):
            if not self.large and name not in self.used:
                continue
            text, away = elided(name, 13), 0.5 * self.node + 3
            if name in (START, END):
                offset = (math.copysign(away, place[0]), 0.0)
                side, level = ("right" if place[0] < 0 else "left"), "center"
            else:
                away += 1.15 * self.node if (name, name) in self.moves else 0
                x, y = self.axes.transData.transform(place) * 72 / self._dpi()
                half = 0.33 * self.text * len(text)
                beside = [at for left, right, at in taken if x - half < right and left < x + half]
                while any(abs(y + math.copysign(away, place[1]) - at) < 1.05 * self.text for at in beside):
                    away += 0.6 * self.text
                offset, side, level = (
                    (0.0, math.copysign(away, place[1])),
                    "center",
                    "bottom" if place[1] > 0 else "top",
                )
                taken.append((x - half, x + half, y + offset[1]))
            self.axes.annotate(
                text, place, xytext=offset, textcoords="offset points", ha=side, va=level, size=self.text,
                color=INK if name in self.used else MUTED, zorder=6,
            )  # fmt: skip

    def _dpi(self) -> float:
        figure = self.axes.get_figure(root=True)
        assert figure is not None
        return figure.dpi

    def _arrow(self, edge: Edge) -> None:
        """An arrow, and how often it is taken."""
        start, end = self.places[edge.source], self.places[edge.to]
        turn = start[0] * (end[1] - start[1]) - start[1] * (end[0] - start[0])
        both = (edge.to, edge.source) in self.moves
        # Towards the middle: `turn` is positive where that lies on the left, and arc3 bends to the right. Of two arrows
        # there and back, one bends more; one through the middle is straight.
        bend = math.copysign(0.32 if both and end < start else 0.12, -turn) if abs(turn) >= 0.05 else 0.12 * both
        width = min(max(0.6, self.widest * edge.share), 1.6 * self.widest)
        head = 0.55 * self.node + 1.1 * width
        curve = ConnectionStyle.Arc3(rad=bend)
        self.axes.add_patch(
            FancyArrowPatch(
                start, end, connectionstyle=curve, mutation_scale=1, lw=0, fc=self.colour, alpha=0.6,
                arrowstyle=f"simple,head_length={head},head_width={0.95 * head},tail_width={width}",
                shrinkA=0.5 * self.node + 1, shrinkB=0.5 * self.node + 1.5, zorder=3,
            )
        )  # fmt: skip
        if self.large and edge.share >= _NUMBERED:
            ends = self.axes.transData.transform([start, end])
            points = BezierSegment(curve(ends[0], ends[1], shrinkA=0, shrinkB=0).vertices)(np.array(_ALONG))
            self.taken.append(next((at for at in points if self._is_free(at)), points[0]))
            x, y = self.axes.transData.inverted().transform(self.taken[-1])
            box = {"boxstyle": "round,pad=0.12", "fc": PAPER, "ec": "none", "alpha": 0.85}
            self.axes.text(x, y, f"{edge.share:.2f}", ha="center", va="center", size=8, color=INK, zorder=7, bbox=box)

    def _is_free(self, at: Floats) -> bool:
        """Whether a number at this pixel touches neither another one nor a block."""
        point = self._dpi() / 72
        return all(abs(at[0] - x) > 26 * point or abs(at[1] - y) > 13 * point for x, y in self.taken)

    def _ring(self, edge: Edge) -> None:
        """A block after itself: a ring on the outer side of its place."""
        x, y = self.axes.transData.transform(self.places[edge.to])
        away = math.copysign(0.95 * self.node * self._dpi() / 72, self.places[edge.to][1])
        at = self.axes.transData.inverted().transform((x, y + away))
        width = max(0.6, self.widest * edge.share)
        self.axes.plot(*at, "o", ms=1.3 * self.node, mfc="none", mec=self.colour, mew=width, alpha=0.6, zorder=3)
