"""Route map: which block after which. One large panel for all tasks, small ones by family and for other policies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from pilotage.navigator.evaluation.schema import Evaluation, Routes
from pilotage.navigator.report.figures.canvas import WIDTH
from pilotage.navigator.report.figures.route_panel import END, LARGE, START, Place, draw_panel, drawn
from pilotage.navigator.report.palette import INK, MUTED, Look
from pilotage.navigator.report.wording import elided

_BIG, _SMALL, _HEADING = 4.4, 2.05, 0.42
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
    places = places_of([one for one in (overall, *families, *others) if one is not None])
    groups = [(f"{elided(owner, 40)}, by family", families), ("other policies, all tasks", others)]
    columns = 4 if len(places) <= 10 else 3
    top = _BIG if overall is not None else 0.0
    height = top + sum(_SMALL * math.ceil(len(some) / columns) + _HEADING for _, some in groups if some)
    figure = Figure(figsize=(WIDTH, height))
    if overall is not None:
        figure.text(0.01, 1 - 0.2 / height, elided(chosen, 60), weight="bold", size=11, color=looks[chosen].colour)
        figure.text(0.01, 1 - 0.42 / height, "all tasks; numbers: times a task", size=8.5, color=MUTED)
        axes = figure.add_axes((0.02, 1 - (top - 0.15) / height, 0.96, (top - 0.45) / height))
        draw_panel(axes, overall, places, looks[chosen].colour, LARGE)
    tasks = {family.family: family.tasks for family in data.families}
    down = top
    for title, some in groups:
        if some:
            figure.text(0.01, 1 - (down + 0.2) / height, title, weight="bold", size=10)
            _small(figure, some, columns, down + _HEADING, places, looks, tasks)
            down += _HEADING + _SMALL * math.ceil(len(some) / columns)
    return figure


def _small(
    figure: Figure,
    some: Sequence[Routes],
    columns: int,
    down: float,
    places: Mapping[str, Place],
    looks: dict[str, Look],
    tasks: Mapping[str, int],
) -> None:
    height = figure.get_figheight()
    for place, one in enumerate(some):
        row, column = divmod(place, columns)
        upper = down + row * _SMALL
        colour = looks[one.policy].colour
        if one.family is None:
            title = elided(one.policy, 28)
        else:
            title = elided(one.family, 26) + (f" ({tasks[one.family]})" if one.family in tasks else "")
        left = 0.01 + column * 0.985 / columns
        figure.text(left, 1 - (upper + 0.16) / height, title, size=8.5, color=INK if one.family else colour)
        box = (left, 1 - (upper + _SMALL - 0.1) / height, 0.975 / columns - 0.012, (_SMALL - 0.36) / height)
        draw_panel(figure.add_axes(box), one, places, colour)


def chosen_policy(data: Evaluation, focus: str) -> str | None:
    """The policy whose routes are shown by family: the wanted one, else the first that has routes."""
    known = [one.policy for one in data.routes if drawn(one)]
    return focus if focus in known else known[0] if known else None


def places_of(shown: Sequence[Routes]) -> dict[str, Place]:
    """Where each block stands in every panel: start left, answer right, the rest on an oval from first to last."""
    edges = [edge for one in shown for edge in drawn(one)]
    names = {name for edge in edges for name in (edge.source, edge.to)}
    uses = {name: sum(edge.share for edge in edges if edge.to == name) for name in names}
    first = {name: sum(e.share for e in edges if e.to == name and e.source == START) for name in names}
    blocks = sorted(names - {START, END}, key=lambda name: (-first[name] / (uses[name] or 1), -uses[name], name))
    found = {name: place for name, place in ((START, (-1.0, 0.0)), (END, (1.0, 0.0))) if name in names}
    for row, sign in ((blocks[0::2], 1.0), (blocks[1::2], -1.0)):
        for place, name in enumerate(row):
            x = 0.82 * (-1 + (2 * place + 1) / len(row))
            found[name] = (x, sign * (1 - 0.7 * x * x))
    return found
