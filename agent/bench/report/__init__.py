"""The report of a comparison: a page that needs nothing else, figures as SVG and PNG, and the numbers."""

from __future__ import annotations

from pathlib import Path

from pilotage.agent.bench.schema import Benched
from pilotage.common.files import replace
from pilotage.common.text import json_page
from pilotage.navigator.errors import ReportError

PAGE, NUMBERS = "bench.html", "bench.json"
FIGURES = ("frontier", "comparisons", "families", "equal-tokens", "saturation")


def write_numbers(data: Benched, folder: Path) -> Path:
    """Writes `bench.json`."""
    replace(folder / NUMBERS, f"{json_page(data.to_json())}\n".encode())
    return folder / NUMBERS


def write_report(data: Benched, folder: Path) -> list[Path]:
    """Writes `bench.html` and every figure that has data, as `.svg` and `.png`; the same figures give the same bytes.

    Returns:
        The files written, the page first.

    Raises:
        ReportError: matplotlib or Jinja is not installed.
    """
    try:
        from pilotage.agent.bench.report.figures import draw_all
        from pilotage.agent.bench.report.page import page

        pictures = draw_all(data)
        html = page(data, {name: svg for name, (svg, _) in pictures.items()})
    except ModuleNotFoundError as error:
        raise ReportError(f"a report needs {error.name}: install it with pip install 'pilotage[bench]'") from error
    files = {PAGE: html.encode()}
    for name, (svg, png) in pictures.items():
        files |= {f"{name}.svg": svg.encode(), f"{name}.png": png}
    for stale in (f"{name}.{kind}" for name in FIGURES if name not in pictures for kind in ("svg", "png")):
        (folder / stale).unlink(missing_ok=True)
    for name, written in files.items():
        replace(folder / name, written)
    return [folder / name for name in files]


__all__ = ["FIGURES", "ReportError", "write_numbers", "write_report"]
