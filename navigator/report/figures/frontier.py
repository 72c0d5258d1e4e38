"""Accuracy against cost: a point per policy with its intervals, a line for what was measured at several settings."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from pilotage.navigator.evaluation.schema import Evaluation, Line, Point
from pilotage.navigator.report.figures.canvas import WIDTH, mark, percent_axis
from pilotage.navigator.report.palette import INK, MUTED, Look
from pilotage.navigator.report.wording import elided, number

_LOG_FROM = 12
"""Costs that differ by more than this factor are drawn on a logarithmic axis."""


def draw(data: Evaluation, looks: dict[str, Look]) -> Figure | None:
    """The figure; None without policies to draw, which an evaluation always has."""
    figure = Figure(figsize=(WIDTH, 5.6), layout="constrained")
    axes = figure.add_subplot()
    scored = {policy.name for policy in data.policies}
    lines = [line for line in data.frontier if len(line.points) > 1]
    single = [line.points[0] for line in data.frontier if len(line.points) == 1 and line.policy not in scored]
    _limit(axes, data, [point for line in data.frontier for point in line.points])
    for line in lines:
        _draw_line(axes, line, looks[line.policy])
    named = [line for line in lines if looks[line.policy].filled and looks[line.policy].colour != INK]
    for line in named:
        points, colour = _by_cost(line), looks[line.policy].colour
        for point, offset, side in ((points[0], (-4, -10), "right"), (points[-1], (4, 5), "left")):
            at = (point.cost, point.accuracy)
            axes.annotate(
                _setting(point), at, offset, textcoords="offset points", ha=side, color=colour, fontsize=7, zorder=6
            )
    for policy in sorted(data.policies, key=lambda policy: policy.kind == "baseline"):
        look = looks[policy.name]
        _cross(axes, policy.cost, policy.accuracy, policy.cost_interval, policy.accuracy_interval, look.colour)
        mark(axes, policy.cost, policy.accuracy, look, 8)
    for point in single:
        axes.plot(point.cost, point.accuracy, ".", color=MUTED, ms=6, alpha=0.75, zorder=3)
    best = _undominated(single)
    if len(best) > 1:
        steps = sorted((point.cost, point.accuracy) for point in best)
        axes.plot(*zip(*steps, strict=True), color=MUTED, lw=0.8, ls=(0, (1, 2)), drawstyle="steps-post", zorder=2)
    scale = ", logarithmic" if axes.get_xscale() == "log" else ""
    axes.set_xlabel(f"cost, thousand tokens a task{scale}")
    axes.set_ylabel("right, %")
    _legend(figure, data, looks)
    return figure


def _legend(figure: Figure, data: Evaluation, looks: dict[str, Look]) -> None:
    """The policies' markers and names beside the axes, from the most accurate down."""
    ranked = sorted(data.policies, key=lambda policy: (-policy.accuracy, policy.cost))
    handles = [
        Line2D(
            [], [], ls="none", marker=look.marker, ms=8 if look.marker != "*" else 11, mfc=look.face, mec=look.colour,
            mew=1.3, label=elided(policy.name),
        )
        for policy in ranked
        for look in (looks[policy.name],)
    ]  # fmt: skip
    legend = figure.legend(handles=handles, loc="outside right upper", labelcolor="markeredgecolor", fontsize=8.5)
    for text, policy in zip(legend.get_texts(), ranked, strict=True):
        text.set_fontweight("bold" if policy.kind == "learned" else "normal")


def _limit(axes: Axes, data: Evaluation, others: Sequence[Point]) -> None:
    """Axis limits that hold every interval, with room for labels; a logarithmic cost axis where costs differ much."""
    costs = [cost for policy in data.policies for cost in (policy.cost, *policy.cost_interval)]
    costs += [point.cost for point in others]
    shares = [share for policy in data.policies for share in (policy.accuracy, *policy.accuracy_interval)]
    shares += [point.accuracy for point in others]
    low, high = min(costs), max(costs)
    if low > 0 and high / low > _LOG_FROM:
        axes.set_xscale("log")
        axes.set_xlim(low / 1.5, high * 1.6)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        room = 0.12 * (high - low) or 0.5 * high or 1
        axes.set_xlim(max(0, low - room) if low > 0 else -0.02 * high - 1e-9, high + room)
    room = 0.08 * (max(shares) - min(shares)) or 0.05
    axes.set_ylim(min(shares) - room, max(shares) + room)
    percent_axis(axes)


def _draw_line(axes: Axes, line: Line, look: Look) -> None:
    points = _by_cost(line)
    costs, shares = [point.cost for point in points], [point.accuracy for point in points]
    banded = [point for point in points if point.accuracy_interval is not None]
    if len(banded) == len(points) and look.filled and look.colour != INK:
        low, high = zip(*(point.accuracy_interval or (0.0, 0.0) for point in points), strict=True)
        axes.fill_between(costs, low, high, color=look.colour, alpha=0.09, lw=0, zorder=1)
    axes.plot(costs, shares, color=look.colour, ls=look.dash, lw=1.8, zorder=3)
    axes.plot(costs, shares, ".", color=look.colour, ms=6, zorder=4)


def _cross(axes: Axes, x: float, y: float, wide: tuple[float, float], high: tuple[float, float], colour: str) -> None:
    axes.plot(wide, (y, y), color=colour, lw=1.0, alpha=0.45, zorder=2, solid_capstyle="butt")
    axes.plot((x, x), high, color=colour, lw=1.0, alpha=0.45, zorder=2, solid_capstyle="butt")


def _undominated(points: Sequence[Point]) -> list[Point]:
    """Those than which none is at once as cheap and as accurate, and better in one of the two."""
    found: list[Point] = []
    for point in sorted(points, key=lambda point: (point.cost, -point.accuracy)):
        if not found or point.accuracy > found[-1].accuracy:
            found.append(point)
    return found


def _by_cost(line: Line) -> list[Point]:
    return sorted(line.points, key=lambda point: (point.cost, point.accuracy))


def _setting(point: Point) -> str:
    if point.effort is not None:
        return f"effort {number(point.effort, 2).rstrip('0').rstrip('.')}"
    if point.cost_weight is not None:
        return f"weight {number(point.cost_weight, 3).rstrip('0').rstrip('.')}"
    return ""
