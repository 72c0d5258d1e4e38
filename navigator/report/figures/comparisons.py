"""Forest plot: the difference in accuracy of every comparison with its interval, and beside it the ratio of costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, NullLocator
from matplotlib.transforms import blended_transform_factory

from pilotage.navigator.evaluation.comparison_parts import Comparison
from pilotage.navigator.report.figures.canvas import WIDTH, mark
from pilotage.navigator.report.findings import is_significant
from pilotage.navigator.report.palette import INK, MUTED, Look
from pilotage.navigator.report.shown import Shown
from pilotage.navigator.report.wording import elided, p_value, points, points_between

_ROW = 0.32
_NAMES, _FIGURES, _P = 0.22, 0.535, 0.775
"""Columns of the figure: right end of names, left end of differences, right end of p-values."""

_RATIOS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


def draw(data: Shown, looks: dict[str, Look]) -> Figure | None:
    """The figure: a row for each comparison, under a heading for each opponent; None without comparisons."""
    if not data.comparisons:
        return None
    rows: list[str | Comparison] = []
    for against in dict.fromkeys(one.against for one in data.comparisons):
        rows += [against, *(one for one in data.comparisons if one.against == against)]
    height = _ROW * len(rows) + 1.0
    figure = Figure(figsize=(WIDTH, height))
    bottom, top = 0.62 / height, 1 - 0.38 / height
    axes = figure.add_axes((_NAMES, bottom, 0.3, top - bottom))
    ratios = any(one.cost_ratio for one in data.comparisons)
    costs = figure.add_axes((0.8, bottom, 0.18, top - bottom), sharey=axes) if ratios else None
    beside = blended_transform_factory(figure.transFigure, axes.transData)
    axes.text(_FIGURES, -0.75, "points (95% interval)", transform=beside, size=8, color=MUTED)
    if any(one.holm_p is not None for one in data.comparisons):
        axes.text(_P, -0.75, "p", transform=beside, size=8, color=MUTED, ha="right")
    for place, row in enumerate(rows):
        level: dict[str, Any] = {"transform": beside, "va": "center"}
        if isinstance(row, str):
            axes.text(0.01, place, f"against {elided(row, 40)}", color=MUTED, size=8.5, **level)
            continue
        look, sure = looks[row.policy], is_significant(row)
        _mark(axes, row.difference, row.interval, place, look, 7, 2.2 if sure else 1.2)
        weight = "bold" if sure else "normal"
        axes.text(_NAMES - 0.008, place, elided(row.policy, 24), ha="right", color=look.colour, weight=weight, **level)
        difference = f"{points(row.difference)} ({points_between(row.interval)})"
        axes.text(_FIGURES, place, difference, size=8, weight=weight, **level)
        if row.holm_p is not None:
            axes.text(_P, place, p_value(row.holm_p), ha="right", size=8, color=MUTED, **level)
        if costs is not None and row.cost_ratio:
            interval = row.cost_ratio_interval
            _mark(costs, row.cost_ratio, interval if interval and interval[0] > 0 else None, place, look, 6, 1.4)
    _finish(axes, data.comparisons, len(rows))
    if costs is not None:
        _finish_ratios(costs, data.comparisons)
    return figure


def _mark(
    axes: Axes, value: float, interval: tuple[float, float] | None, place: int, look: Look, size: float, width: float
) -> None:
    if interval is not None:
        axes.plot(interval, (place, place), color=look.colour, lw=width, solid_capstyle="butt", zorder=3)
    mark(axes, value, place, look, size)


def _finish(axes: Axes, comparisons: Sequence[Comparison], rows: int) -> None:
    axes.axvline(0, color=INK, lw=1, zorder=2)
    ends = [end for one in comparisons for end in (*one.interval, one.difference)]
    low, high = min(0.0, *ends), max(0.0, *ends)
    room = 0.06 * (high - low) or 0.01
    axes.set_xlim(low - room, high + room)
    axes.set_ylim(rows - 0.4, -0.6)
    axes.yaxis.set_major_locator(NullLocator())
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: points(value, 0)))
    axes.set_xlabel("difference in accuracy, percentage points")


def _finish_ratios(axes: Axes, comparisons: Sequence[Comparison]) -> None:
    axes.axvline(1, color=INK, lw=1, zorder=2)
    axes.set_xscale("log")
    given = [one for one in comparisons if one.cost_ratio]
    ends = [one.cost_ratio or 1.0 for one in given]
    ends += [end for one in given for end in one.cost_ratio_interval or () if end > 0]
    low, high = min(1.0, *ends) / 1.15, max(1.0, *ends) * 1.15
    axes.set_xlim(low, high)
    axes.set_xticks([tick for tick in _RATIOS if low <= tick <= high])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"\u00d7{value:g}"))
    axes.yaxis.set_major_locator(NullLocator())
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("cost ratio")
