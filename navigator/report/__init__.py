"""The report of an evaluation: a page that needs nothing else, figures as SVG and PNG, and the numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pilotage.common.files import replace
from pilotage.navigator.errors import ReportError
from pilotage.navigator.evaluation.schema import Evaluation
from pilotage.navigator.report.reading import as_json, parse, read_evaluation

FIGURES = ("frontier", "comparisons", "families", "route-map", "calibration", "learning-curves")


def write_report(evaluation: dict[str, Any], folder: Path) -> list[Path]:
    """Writes `report.html`, `evaluation.json` and every figure that has data, as `.svg` and `.png`.

    The same evaluation gives the same bytes. Figures of an earlier report in the folder are removed where there is no
    data for them now.

    Args:
        evaluation: an evaluation of version 1, as `pilotage evaluate` makes it.
        folder: where to; made where it is not there.

    Returns:
        The files written, the page first.

    Raises:
        ReportError: the evaluation is damaged or of another version, or matplotlib or Jinja is not installed.
    """
    content = as_json(evaluation)
    data = parse(content)
    try:
        from pilotage.navigator.report.figures import draw_all
        from pilotage.navigator.report.page import page

        pictures = draw_all(data)
        html = page(data, {name: svg for name, (svg, _) in pictures.items()})
    except ModuleNotFoundError as error:
        raise ReportError(f"a report needs {error.name}: install it with pip install 'pilotage[train]'") from error
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    files = {"report.html": html.encode(), "evaluation.json": text.encode()}
    for name, (svg, png) in pictures.items():
        files |= {f"{name}.svg": svg.encode(), f"{name}.png": png}
    folder.mkdir(parents=True, exist_ok=True)
    for stale in (f"{name}.{kind}" for name in FIGURES if name not in pictures for kind in ("svg", "png")):
        (folder / stale).unlink(missing_ok=True)
    for name, written in files.items():
        replace(folder / name, written)
    return [folder / name for name in files]


__all__ = ["Evaluation", "FIGURES", "ReportError", "read_evaluation", "write_report"]
