"""Labels beside points, placed so that none lies on another label or on a point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation, Text
from numpy.typing import NDArray

from pilotage.navigator.report.palette import PAPER

_RADII = (9, 15, 23, 33, 45, 60, 80, 105)
_ANGLES = (0, 180, 90, 270, 30, 330, 150, 210, 60, 300, 120, 240)
_GAP = 2.0
_LEADER_FROM = 14

Boxes = NDArray[np.float64]


@dataclass(frozen=True)
class Label:
    """Text for a point, in the units of the axes."""

    x: float
    y: float
    text: str
    colour: str
    size: float = 8.5
    weight: str = "normal"


def place(
    axes: Axes,
    labels: Sequence[Label],
    obstacles: Sequence[tuple[float, float]] = (),
    strokes: Sequence[tuple[Sequence[float], Sequence[float]]] = (),
) -> list[Annotation]:
    """Writes labels beside their points, a thin line to the point where a label had to move away.

    Greedy, in the given order: of some hundred places around its point each label takes the one that covers least.
    Axis limits have to be final.

    Args:
        axes: where.
        labels: first come, first served.
        obstacles: further points that should stay visible.
        strokes: lines, as x and y of their corners, that labels had better not lie on.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    frame = axes.get_window_extent()
    bounds = np.array([frame.x0, frame.y0, frame.x1, frame.y1])
    scale = figure.dpi / 72
    marks = [*((label.x, label.y) for label in labels), *obstacles]
    points = np.array([axes.transData.transform(mark) for mark in marks]).reshape(-1, 2)
    taken = np.column_stack([points - 4 * scale, points + 4 * scale])  # boxes of markers, then of labels
    inked = _along(axes, strokes)
    placed = []
    for label, (x, y) in zip(labels, points, strict=False):
        written = _written(axes, label)
        box = Text.get_window_extent(written)  # without its line
        size = np.array([box.width, box.height])
        best, lowest = None, math.inf
        for radius in _RADII:
            for rank, angle in enumerate(_ANGLES):
                low = _corner(np.array([x, y]), size, radius * scale, math.radians(angle))
                candidate = np.concatenate([low, low + size])
                cost = _covered(candidate, taken, inked, bounds, scale) + 0.02 * radius + 0.001 * rank
                if cost < lowest:
                    best, lowest = (low, radius, candidate), cost
        assert best is not None
        low, radius, candidate = best
        written.set_position(((low[0] + size[0] / 2 - x) / scale, (low[1] + size[1] / 2 - y) / scale))
        if radius < _LEADER_FROM and written.arrow_patch is not None:
            written.arrow_patch.set_visible(False)
        taken = np.vstack([taken, candidate])
        placed.append(written)
    return placed


def _written(axes: Axes, label: Label) -> Annotation:
    return axes.annotate(
        label.text,
        (label.x, label.y),
        xytext=(0, 0),
        textcoords="offset points",
        ha="center",
        va="center",
        color=label.colour,
        fontsize=label.size,
        fontweight=label.weight,
        arrowprops={"arrowstyle": "-", "color": label.colour, "lw": 0.6, "shrinkA": 1, "shrinkB": 4, "alpha": 0.7},
        bbox={"boxstyle": "square,pad=0.1", "fc": PAPER, "ec": "none", "alpha": 0.7},
        zorder=6,
    )


def _along(axes: Axes, strokes: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Boxes:
    """Points on lines, some 4 pixels apart, shape (n, 2)."""
    found = [np.empty((0, 2))]
    for xs, ys in strokes:
        corners = axes.transData.transform(np.column_stack([xs, ys]))
        for start, end in zip(corners[:-1], corners[1:], strict=True):
            steps = np.linspace(0, 1, 2 + int(np.hypot(*(end - start)) / 4))[:, None]
            found.append(start + steps * (end - start))
    return np.concatenate(found)


def _corner(point: Boxes, size: Boxes, radius: float, angle: float) -> Boxes:
    """Lower left corner of a box that lies off the point in this direction, its nearest side at the radius."""
    direction = np.array([math.cos(angle), math.sin(angle)])
    corner: Boxes = point + radius * direction + (np.round(direction, 6) - 1) * size / 2
    return corner


def _covered(box: Boxes, taken: Boxes, inked: Boxes, bounds: Boxes, scale: float) -> float:
    """How bad a place is: 10 for each thing that it covers, less for lines, 1,000 where it leaves the axes."""
    gap = _GAP * scale
    overlaps = (
        (box[0] - gap < taken[:, 2])
        & (box[2] + gap > taken[:, 0])
        & (box[1] - gap < taken[:, 3])
        & (box[3] + gap > taken[:, 1])
    )
    outside = (box[:2] < bounds[:2]).any() or (box[2:] > bounds[2:]).any()
    crossed = ((inked > box[:2]) & (inked < box[2:])).all(axis=1).sum()
    return 10.0 * float(overlaps.sum()) + 0.12 * float(crossed) + 1000.0 * float(outside)
