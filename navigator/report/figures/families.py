"""Heat map: accuracy by family and policy, families in order of difficulty."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pilotage.navigator.evaluation.schema import FamilyPart
from pilotage.navigator.report.figures.canvas import WIDTH
from pilotage.navigator.report.palette import MUTED, Look, contrast
from pilotage.navigator.report.shown import Shown
from pilotage.navigator.report.wording import elided

_ROW = 0.3
_LEFT = 2.3
_TEXTS = ("#10151a", "#f7f9fb")


def draw(data: Shown, looks: dict[str, Look]) -> Figure | None:
    """The figure; None without families."""
    if not data.families:
        return None
    names = columns(data)
    families = in_order(data)
    top, bottom = 1.35, 0.55
    height = _ROW * len(families) + top + bottom
    figure = Figure(figsize=(WIDTH, height))
    width = min(0.075, (1 - _LEFT / WIDTH - 0.09) / max(1, len(names)))
    axes = figure.add_axes((_LEFT / WIDTH, bottom / height, width * len(names), _ROW * len(families) / height))
    axes.set_axis_off()
    axes.set_xlim(0, len(names))
    axes.set_ylim(len(families), 0)
    colours = mpl.colormaps["cividis"]
    middle: dict[str, Any] = {"ha": "center", "va": "center", "size": 8}
    for row, family in enumerate(families):
        axes.text(-0.12, row + 0.5, f"{elided(family.family, 25)}  ({family.tasks})", ha="right", va="center", size=8.5)
        for column, name in enumerate(names):
            score = family.policies.get(name)
            if score is None or score.accuracy is None:
                axes.text(column + 0.5, row + 0.5, "\u2013", color=MUTED, **middle)
                continue
            fill = to_hex(colours(round(20 * score.accuracy) / 20))
            axes.add_patch(Rectangle((column + 0.03, row + 0.04), 0.94, 0.92, fc=fill, ec="none"))
            text = max(_TEXTS, key=lambda colour: contrast(colour, fill))
            axes.text(column + 0.5, row + 0.5, f"{100 * score.accuracy:.0f}", color=text, **middle)
    for column, name in enumerate(names):
        look = looks[name]
        axes.text(
            column + 0.42, -0.25, elided(name, 22), rotation=40, rotation_mode="anchor", size=8.5, color=look.colour,
            weight="bold" if look.is_learned else "normal",
        )  # fmt: skip
    axes.text(0, len(families) + 0.35, "right, %; in brackets: tasks", va="top", size=8, color=MUTED)
    return figure


def columns(data: Shown) -> list[str]:
    """Policies that any family has, in the order of the evaluation."""
    given = {name for family in data.families for name in family.policies}
    ordered = [policy.name for policy in data.policies if policy.name in given]
    return list(dict.fromkeys([*ordered, *(name for family in data.families for name in family.policies)]))


def in_order(data: Shown) -> list[FamilyPart]:
    """The easiest family first, by mean accuracy over the policies."""

    def ease(family: FamilyPart) -> float:
        known = [score.accuracy for score in family.policies.values() if score.accuracy is not None]
        return sum(known) / len(known) if known else -1.0

    return sorted(data.families, key=lambda family: -ease(family))
