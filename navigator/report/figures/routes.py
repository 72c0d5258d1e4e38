"""Route map: which block after which. One large panel for all tasks, small ones by family and for other policies.

Blocks stand on an oval, and arrows are as wide as tasks take them often. All bend towards the middle, so none runs
through a third block or through a name, which stand outside.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.bezier import BezierSegment
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionStyle, FancyArrowPatch

from pilotage.navigator.bank.arrays import Float64s
from pilotage.navigator.evaluation.schema import Edge, Evaluation, Routes
from pilotage.navigator.report.figures.canvas import WIDTH
from pilotage.navigator.report.palette import INK, MUTED, PAPER, Look
from pilotage.navigator.report.wording import elided

LEAST = 0.02
"""Arrows that are taken less often a task are left out."""

START, END = "start", "answer"

_NUMBERED = 0.05
_ALONG = (0.36, 0.5, 0.64, 0.27, 0.73)
"""Where on an arrow its number may stand: best before the middle, where arrows cross."""

Place = tuple[float, float]

_LARGE, _SMALL, _HEADING = 4.4, 2.05, 0.42
"""Heights in inches: of the large panel, of a small one, of a heading over small ones."""


def draw(data: Evaluation, looks: dict[str, Look], focus: str) -> Figure | None:
    """The figure: `focus` on all tasks, then by family, then the other policies on all tasks; None without routes."""
    chosen = chosen_policy(data, focus)
    if chosen is None:
        return None
    overall = next((one for one in data.routes if one.policy == chosen and one.family is None), None)
    owners = [one.policy for one in data.routes if one.family is not None]
    owner = chosen if chosen in owners or not owners else owners[0]
    families = [one for one in data.routes if one.policy == owner and one.family is not None]
    others = [one for one in data.routes if one.policy != chosen and one.family is None and drawn(one)]
    places = places_of([*([overall] if overall else []), *families, *others])
    tasks = {family.family: f" ({family.tasks})" for family in data.families}
    columns = 4 if len(places) <= 10 else 3
    groups = {f"{elided(owner, 40)}, by family": families, "other policies, all tasks": others}
    height = _LARGE * (overall is not None)
    height += sum(_HEADING + _SMALL * math.ceil(len(some) / columns) for some in groups.values() if some)
    figure = Figure(figsize=(WIDTH, height))

    def at(inches: float) -> float:
        return 1 - inches / height

    down = 0.0
    if overall is not None:
        figure.text(0.01, at(0.2), elided(chosen, 60), weight="bold", size=11, color=looks[chosen].colour)
        figure.text(0.01, at(0.42), "all tasks; numbers: times a task", size=8.5, color=MUTED)
        axes = figure.add_axes((0.02, at(_LARGE - 0.15), 0.96, (_LARGE - 0.45) / height))
        Panel(axes, overall, places, looks[chosen].colour, large=True)
        down = _LARGE
    for heading, some in groups.items():
        if not some:
            continue
        figure.text(0.01, at(down + 0.2), heading, weight="bold", size=10)
        down += _HEADING
        for place, one in enumerate(some):
            left, upper = 0.01 + place % columns * 0.985 / columns, down + place // columns * _SMALL
            colour = looks[one.policy].colour
            name = elided(one.family, 26) + tasks.get(one.family, "") if one.family else elided(one.policy, 28)
            figure.text(left, at(upper + 0.16), name, size=8.5, color=INK if one.family else colour)
            box = (left, at(upper + _SMALL - 0.1), 0.975 / columns - 0.012, (_SMALL - 0.36) / height)
            Panel(figure.add_axes(box), one, places, colour)
        down += _SMALL * math.ceil(len(some) / columns)
    return figure


def chosen_policy(data: Evaluation, focus: str) -> str | None:
    """The policy whose routes are shown by family: the one in focus, else the first that has routes."""
    known = [one.policy for one in data.routes if drawn(one)]
    return focus if focus in known else known[0] if known else None


def places_of(shown: Sequence[Routes]) -> dict[str, Place]:
    """Where each block stands in every panel: start left, answer right, the rest on an oval from first to last."""
    edges = [edge for one in shown for edge in drawn(one)]
    names = {name for edge in edges for name in (edge.source, edge.to)}
    uses = {name: sum(edge.share for edge in edges if edge.to == name) for name in names}
    first = {name: sum(e.share for e in edges if e.to == name and e.source == START) for name in names}
    blocks = sorted(names - {START, END}, key=lambda name: (-first[name] / (uses[name] or 1), -uses[name], name))
    places = {name: place for name, place in ((START, (-1.0, 0.0)), (END, (1.0, 0.0))) if name in names}
    for row, sign in ((blocks[0::2], 1.0), (blocks[1::2], -1.0)):
        for place, name in enumerate(row):
            x = 0.82 * (-1 + (2 * place + 1) / len(row))
            places[name] = (x, sign * (1 - 0.7 * x * x))
    return places


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

    def _is_free(self, at: Float64s) -> bool:
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
