"""Accuracy against cost: a point per policy with its intervals, a line for what was measured at several settings."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from pilotage.navigator.evaluation.schema import Line, Point
from pilotage.navigator.report.figures.canvas import WIDTH, mark, marker, percent_axis
from pilotage.navigator.report.palette import MUTED, Look
from pilotage.navigator.report.shown import Shown
from pilotage.navigator.report.wording import elided, number

_LOG_FROM = 12
"""Costs that differ by more than this factor are drawn on a logarithmic axis."""


def draw(data: Shown, looks: dict[str, Look]) -> Figure | None:
    """The figure; None without policies to draw, which an evaluation always has."""
    figure = Figure(figsize=(WIDTH, 5.6), layout="constrained")
    axes = figure.add_subplot()
    scored = {policy.name for policy in data.policies}
    single = [line.points[0] for line in data.frontier if len(line.points) == 1 and line.policy not in scored]
    _limit(axes, data, [point for line in data.frontier for point in line.points])
    for line in data.frontier:
        if len(line.points) > 1:
            _draw_line(axes, line, looks[line.policy])
    for policy in sorted(data.policies, key=lambda policy: policy.kind == "baseline"):
        look, x, y = looks[policy.name], policy.cost, policy.accuracy
        for ends in ((policy.cost_interval, (y, y)), ((x, x), policy.accuracy_interval)):
            axes.plot(*ends, color=look.colour, lw=1.0, alpha=0.45, zorder=2, solid_capstyle="butt")
        mark(axes, x, y, look, 8)
    for point in single:
        axes.plot(point.cost, point.accuracy, ".", color=MUTED, ms=6, alpha=0.75, zorder=3)
    best = _undominated(single)
    if len(best) > 1:
        steps = [point.cost for point in best], [point.accuracy for point in best]
        axes.plot(*steps, color=MUTED, lw=0.8, ls=(0, (1, 2)), drawstyle="steps-post", zorder=2)
    scale = ", logarithmic" if axes.get_xscale() == "log" else ""
    axes.set_xlabel(f"cost, thousand tokens a task{scale}")
    axes.set_ylabel("right, %")
    ranked = sorted(data.policies, key=lambda policy: (-policy.accuracy, policy.cost))
    handles = [Line2D([], [], ls="none", **marker(looks[one.name], 8), label=elided(one.name)) for one in ranked]
    legend = figure.legend(handles=handles, loc="outside right upper", labelcolor="markeredgecolor", fontsize=8.5)
    for text, policy in zip(legend.get_texts(), ranked, strict=True):
        text.set_fontweight("bold" if policy.kind == "learned" else "normal")
    return figure


def _limit(axes: Axes, data: Shown, others: Sequence[Point]) -> None:
    """Axis limits that hold every interval, with room for labels; a logarithmic cost axis where costs differ much."""
    costs = [point.cost for point in others] + [c for one in data.policies for c in (one.cost, *one.cost_interval)]
    shares = [point.accuracy for point in others]
    shares += [share for one in data.policies for share in (one.accuracy, *one.accuracy_interval)]
    low, high = min(costs), max(costs)
    if low > 0 and high / low > _LOG_FROM:
        axes.set_xscale("log")
        axes.set_xlim(low / 1.5, high * 1.6)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        room = 0.08 * (high - low) or 0.5 * high or 1
        axes.set_xlim(max(0, low - room) if low > 0 else -0.02 * high - 1e-9, high + room)
    room = 0.08 * (max(shares) - min(shares)) or 0.05
    axes.set_ylim(min(shares) - room, max(shares) + room)
    percent_axis(axes)


def _draw_line(axes: Axes, line: Line, look: Look) -> None:
    """The line with its band; a learned policy's with the settings at both ends."""
    points = sorted(line.points, key=lambda point: (point.cost, point.accuracy))
    costs, shares = [point.cost for point in points], [point.accuracy for point in points]
    intervals = [point.accuracy_interval for point in points if point.accuracy_interval is not None]
    if len(intervals) == len(points) and look.is_learned:
        low, high = zip(*intervals, strict=True)
        axes.fill_between(costs, low, high, color=look.colour, alpha=0.09, lw=0, zorder=1)
    axes.plot(costs, shares, color=look.colour, ls=look.dash, lw=1.8, zorder=3)
    axes.plot(costs, shares, ".", color=look.colour, ms=6, zorder=4)
    for point, offset, side in ((points[0], (-4, -10), "right"), (points[-1], (4, 5), "left")):
        if look.is_learned:
            axes.annotate(
                _setting(point), (point.cost, point.accuracy), offset, textcoords="offset points", ha=side,
                color=look.colour, fontsize=7, zorder=6,
            )  # fmt: skip


def _undominated(points: Sequence[Point]) -> list[Point]:
    """Those than which none is at once as cheap and as accurate, and better in one of the two; cheapest first."""
    best: list[Point] = []
    for point in sorted(points, key=lambda point: (point.cost, -point.accuracy)):
        if not best or point.accuracy > best[-1].accuracy:
            best.append(point)
    return best


def _setting(point: Point) -> str:
    for name, value, digits in (("effort", point.effort, 2), ("weight", point.cost_weight, 3)):
        if value is not None:
            return f"{name} {number(value, digits).rstrip('0').rstrip('.')}"
    return ""
