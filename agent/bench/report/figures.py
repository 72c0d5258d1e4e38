"""The figures of a comparison. Importing this loads matplotlib."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from pilotage.agent.bench.report.side_by_side import SideBySide, short
from pilotage.agent.bench.schema import Benched, DrawCurve, DrawPoint
from pilotage.navigator.report.figures import comparisons, families, frontier
from pilotage.navigator.report.figures.canvas import WIDTH, mark, marker, percent_axis, saved, style
from pilotage.navigator.report.palette import MUTED, Look
from pilotage.navigator.report.wording import elided, percent

_COLUMNS = 3
ORACLE, BLIND = (0, (1, 1.5)), (0, (4, 2))
"""Dashes of the two lines beside a vote."""


def draw_all(data: Benched) -> dict[str, tuple[str, bytes]]:
    """Every figure that has data, by name, as SVG text and PNG bytes."""
    shown = SideBySide.of(data)
    with style():
        scatter = frontier.draw(shown, shown.looks)
        if scatter is not None and len(data.methods) > 1:
            _mark_oracle(scatter.axes[0], data.together.oracle)
        figures = {
            "frontier": scatter,
            "comparisons": comparisons.draw(shown, shown.looks),
            "families": families.draw(shown, shown.looks) if len(data.families) > 1 else None,
            "equal-tokens": _equal_tokens(data, shown.looks),
            "saturation": _saturation(data, shown.looks),
        }
        return {name: saved(figure, name) for name, figure in figures.items() if figure is not None}


def _mark_oracle(axes: Axes, share: float) -> None:
    """The line of the methods' oracle, with room for it."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, max(high, share + 0.05 * (high - low)))
    axes.axhline(share, color=MUTED, lw=1, ls=ORACLE, zorder=1)
    axes.annotate(
        f"any method right, {percent(share)}", (1, share), xycoords=("axes fraction", "data"), xytext=(-2, 3),
        textcoords="offset points", ha="right", color=MUTED, fontsize=8,
    )  # fmt: skip


def _equal_tokens(data: Benched, looks: dict[str, Look]) -> Figure | None:
    """Accuracy at the same spend: a line for every method that draws, a marker for every one that does not."""
    drawing = [curve for curve in data.curves if curve.by_tokens]
    if not drawing:
        return None
    figure = Figure(figsize=(WIDTH, 5.2), layout="constrained")
    axes = figure.add_subplot()
    for curve in drawing:
        look, points = looks[short(curve.method)], [one for one in curve.by_tokens if one.draws > 0]
        spent = [one.limit or 0.0 for one in points]
        low, high = zip(*(one.accuracy_interval for one in points), strict=True)
        axes.fill_between(spent, low, high, color=look.colour, alpha=0.08, lw=0, zorder=1)
        axes.plot(spent, [one.accuracy for one in points], color=look.colour, lw=1.9, zorder=4, marker=".", ms=5)
        axes.plot(spent, [one.oracle for one in points], color=look.colour, lw=1.1, ls=ORACLE, zorder=3)
        axes.plot(spent, [one.blind for one in points], color=look.colour, lw=1.1, ls=BLIND, zorder=3)
    drawn = {short(curve.method) for curve in drawing}
    for one in data.beside:
        mark(axes, one.cost, one.accuracy, looks[short(one.method)], 8)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("thousand tokens that a task may spend on draws, logarithmic")
    _shares(axes)
    handles = [
        Line2D([], [], color=look.colour, lw=1.9, label=elided(name))
        if name in drawn
        else Line2D([], [], ls="none", **marker(look, 8), label=elided(name))
        for name, look in looks.items()
    ]
    legend = figure.legend(handles=handles + _kinds(), loc="outside right upper", fontsize=8.5)
    for text, handle in zip(legend.get_texts(), handles, strict=False):
        text.set_color(str(handle.get_markeredgecolor() if handle.get_linestyle() == "None" else handle.get_color()))
    return figure


def _saturation(data: Benched, looks: dict[str, Look]) -> Figure | None:
    """Accuracy by the number of draws, a panel a method; the marker is the method's own choice."""
    if not data.curves:
        return None
    columns = min(_COLUMNS, max(2, len(data.curves)))
    rows = math.ceil(len(data.curves) / columns)
    figure = Figure(figsize=(WIDTH, 2.9 * rows + 0.4), layout="constrained")
    shared: Axes | None = None
    for place, curve in enumerate(data.curves):
        axes = figure.add_subplot(rows, columns, place + 1, sharey=shared)
        shared = shared or axes
        _panel(axes, curve, looks[short(curve.method)])
        if place % columns == 0:
            _shares(axes)
    figure.legend(handles=_kinds(own=True), loc="outside lower center", ncols=4, fontsize=8.5)
    return figure


def _panel(axes: Axes, curve: DrawCurve, look: Look) -> None:
    points: tuple[DrawPoint, ...] = curve.by_draws
    draws = [one.draws for one in points]
    low, high = zip(*(one.accuracy_interval for one in points), strict=True)
    axes.fill_between(draws, low, high, color=look.colour, alpha=0.12, lw=0, zorder=1)
    axes.plot(draws, [one.accuracy for one in points], color=look.colour, lw=1.9, zorder=4, marker=".", ms=5)
    axes.plot(draws, [one.oracle for one in points], color=look.colour, lw=1.2, ls=ORACLE, zorder=3)
    axes.plot(draws, [one.blind for one in points], color=look.colour, lw=1.2, ls=BLIND, zorder=3)
    mark(axes, draws[-1], curve.own, look, 7)
    axes.set_title(elided(short(curve.method), 30), color=look.colour)
    axes.set_xlabel(f"draws a task ({curve.tasks} tasks)")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    percent_axis(axes)


def _shares(axes: Axes) -> None:
    axes.set_ylabel("right, %")
    percent_axis(axes)


def _kinds(own: bool = False) -> list[Line2D]:
    """What lines mean, for a legend."""
    lines = [
        Line2D([], [], color=MUTED, lw=1.9, label="vote of the draws"),
        Line2D([], [], color=MUTED, lw=1.2, ls=ORACLE, label="oracle: any draw is right"),
        Line2D([], [], color=MUTED, lw=1.2, ls=BLIND, label="blind: the mean draw"),
    ]
    if own:
        lines.append(Line2D([], [], color=MUTED, ls="none", marker="o", ms=6, label="the method's own choice"))
    return lines
