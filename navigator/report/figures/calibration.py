"""Calibration: how often runs were right for which a policy foretold success with this probability."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pilotage.common.statistics import wilson
from pilotage.navigator.evaluation.schema import Calibration, Evaluation
from pilotage.navigator.report.figures.canvas import WIDTH, mark, percent_axis
from pilotage.navigator.report.palette import MUTED, Look
from pilotage.navigator.report.wording import elided, number

_COLUMNS = 4


def draw(data: Evaluation, looks: dict[str, Look]) -> Figure | None:
    """The figure, a panel for every policy that predicts; None where none does."""
    given = [(one.name, one.calibration) for one in data.policies if one.calibration and one.calibration.bins]
    if not given:
        return None
    rows = math.ceil(len(given) / _COLUMNS)
    figure = Figure(figsize=(WIDTH, 3.3 * rows), layout="constrained")
    grid = figure.add_gridspec(2 * rows, _COLUMNS, height_ratios=[3.4, 1] * rows)
    for place, (name, calibration) in enumerate(given):
        row, column = divmod(place, _COLUMNS)
        axes = figure.add_subplot(grid[2 * row, column])
        below = figure.add_subplot(grid[2 * row + 1, column], sharex=axes)
        # Several seeds ran the same tasks: only that many runs are independent.
        share = min(1.0, data.protocol.tasks / calibration.n) if calibration.n else 1.0
        _panel(axes, below, name, calibration, looks[name], share)
        if column == 0:
            axes.set_ylabel("right, %")
            below.set_ylabel("runs")
        below.set_xlabel("predicted, %")
    return figure


def _panel(axes: Axes, below: Axes, name: str, calibration: Calibration, look: Look, independent: float) -> None:
    bins = sorted((one for one in calibration.bins if one.n), key=lambda one: one.predicted)
    predicted, observed = [one.predicted for one in bins], [one.observed for one in bins]
    axes.plot((0, 1), (0, 1), color=MUTED, lw=0.9, ls=(0, (4, 3)), zorder=2)
    for one in bins:
        runs = round(one.n * independent)
        interval = wilson(one.observed * runs, runs)
        axes.plot((one.predicted, one.predicted), interval, color=look.colour, lw=1.2, alpha=0.55, zorder=3)
    axes.plot(predicted, observed, color=look.colour, lw=1.4, zorder=4)
    mark(axes, predicted, observed, look, 5.5)
    axes.set_title(elided(name, 24), color=look.colour, pad=17)
    scores = (
        f"ECE {number(calibration.ece, 3)} · Brier {number(calibration.brier, 3)} · {number(calibration.n, 0)} runs"
    )
    axes.text(0, 1.03, scores, transform=axes.transAxes, size=7, color=MUTED)
    axes.set_xlim(min(0.0, *predicted, 0.0) - 0.03, max(1.0, *predicted, 1.0) + 0.03)
    axes.set_ylim(-0.03, 1.03)
    axes.set_xticks((0, 0.25, 0.5, 0.75, 1))
    axes.set_yticks((0, 0.25, 0.5, 0.75, 1))
    percent_axis(axes, "x")
    percent_axis(axes)
    axes.tick_params(labelbottom=False)
    below.bar(predicted, [one.n for one in bins], width=0.05, color=look.colour, alpha=0.75, zorder=3)
    below.grid(False, axis="x")
    below.locator_params(axis="y", nbins=3, integer=True)
