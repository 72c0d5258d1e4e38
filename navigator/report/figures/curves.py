"""Learning curves: accuracy and cost over training, thin lines for seeds and a thick one for their mean."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pilotage.navigator.evaluation.schema import Curve, Evaluation
from pilotage.navigator.report.figures.canvas import WIDTH, percent_axis
from pilotage.navigator.report.palette import Look
from pilotage.navigator.report.wording import counted, elided, number

_COLUMNS = 4


def draw(data: Evaluation, looks: dict[str, Look]) -> Figure | None:
    """The figure, two panels for every trained policy; None without curves."""
    by_policy: dict[str, list[Curve]] = {}
    for curve in data.curves:
        if curve.steps:
            by_policy.setdefault(curve.policy, []).append(curve)
    if not by_policy:
        return None
    rows, columns = math.ceil(len(by_policy) / _COLUMNS), max(2, min(_COLUMNS, len(by_policy)))
    kinds = ["accuracy", "cost"] if any(curve.cost for curve in data.curves) else ["accuracy"]
    figure = Figure(figsize=(WIDTH, (4.2 if len(kinds) > 1 else 2.5) * rows), layout="constrained")
    grid = figure.add_gridspec(len(kinds) * rows, columns, height_ratios=[1.5, 1][: len(kinds)] * rows)
    shared: dict[str, Axes] = {}
    for place, (name, curves) in enumerate(by_policy.items()):
        row, column = divmod(place, columns)
        upper: Axes | None = None
        for below, kind in enumerate(kinds):
            axes = figure.add_subplot(grid[len(kinds) * row + below, column], sharex=upper, sharey=shared.get(kind))
            shared[kind] = axes
            _lines(axes, [curve for curve in curves if getattr(curve, kind)], kind, looks[name])
            if column == 0:
                axes.set_ylabel("right, %" if kind == "accuracy" else "thousand tokens a task")
            if upper is None:
                axes.set_title(elided(name, 24), color=looks[name].colour)
                percent_axis(axes)
            else:
                upper.tick_params(labelbottom=False)
            upper = axes
        axes.set_xlabel(f"training steps ({counted(len(curves), 'run')})")
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(FuncFormatter(_steps))
    return figure


def _lines(axes: Axes, curves: Sequence[Curve], kind: str, look: Look) -> None:
    if not curves:
        return
    for curve in curves:
        axes.plot(curve.steps, getattr(curve, kind), color=look.colour, lw=0.7, alpha=0.4, zorder=3)
    steps, mean = mean_curve([(curve.steps, getattr(curve, kind)) for curve in curves])
    axes.plot(steps, mean, color=look.colour, lw=2.2, zorder=4)
    axes.plot(steps[-1], mean[-1], marker="o", ms=4, color=look.colour, zorder=5)
    last = number(100 * mean[-1], 1) if kind == "accuracy" else number(mean[-1], 2)
    axes.annotate(
        last, (steps[-1], mean[-1]), xytext=(5, 0), textcoords="offset points", va="center", size=8, color=look.colour,
        weight="bold",
    )  # fmt: skip
    axes.margins(x=0.02)
    axes.set_xlim(right=steps[-1] + 0.2 * ((steps[-1] - steps[0]) or 1))


def mean_curve(curves: Sequence[tuple[Sequence[float], Sequence[float]]]) -> tuple[list[float], list[float]]:
    """Steps and mean over curves, each read between its own points, on the stretch that all of them cover."""
    ordered = [tuple(zip(*sorted(zip(steps, values, strict=True)), strict=True)) for steps, values in curves]
    first, last = max(steps[0] for steps, _ in ordered), min(steps[-1] for steps, _ in ordered)
    if first > last:  # they share no step: their last values are all there is
        return [max(steps[-1] for steps, _ in ordered)], [float(np.mean([values[-1] for _, values in ordered]))]
    grid = sorted({step for steps, _ in ordered for step in steps if first <= step <= last})
    read = [np.interp(grid, steps, values) for steps, values in ordered]
    return grid, [float(value) for value in np.mean(read, axis=0)]


def _steps(value: float, _: object) -> str:
    return f"{value / 1000:g}k" if abs(value) >= 1000 else f"{value:g}"
