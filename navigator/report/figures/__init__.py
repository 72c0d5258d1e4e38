"""The figures of a report, one a file. Importing this loads matplotlib."""

from __future__ import annotations

from pilotage.navigator.evaluation.schema import Evaluation
from pilotage.navigator.report.figures import calibration, comparisons, curves, families, frontier, routes
from pilotage.navigator.report.figures.canvas import saved, style
from pilotage.navigator.report.findings import focus
from pilotage.navigator.report.palette import looks


def draw_all(data: Evaluation) -> dict[str, tuple[str, bytes]]:
    """Every figure that has data, by name, as SVG text and PNG bytes."""
    look = looks(data)
    with style():
        figures = {
            "frontier": frontier.draw(data, look),
            "comparisons": comparisons.draw(data, look),
            "families": families.draw(data, look),
            "route-map": routes.draw(data, look, focus(data).name),
            "calibration": calibration.draw(data, look),
            "learning-curves": curves.draw(data, look),
        }
        return {name: saved(figure, name) for name, figure in figures.items() if figure is not None}
