"""Route map: which block after which. One large panel for all tasks, small ones by family and for other policies."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from pilotage.navigator.evaluation.schema import Evaluation, Routes
from pilotage.navigator.report.figures.canvas import WIDTH
from pilotage.navigator.report.figures.route_panel import END, START, Panel, Place, drawn
from pilotage.navigator.report.palette import INK, MUTED, Look
from pilotage.navigator.report.wording import elided

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
