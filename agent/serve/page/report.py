"""The report of an evaluation beside the page: `report.html` of `pilotage evaluate --out`, under its own policy."""

from __future__ import annotations

from pathlib import Path

from pilotage.agent.errors import UsageError

PAGE = "report.html"
# The page has no script, and none would run: `sandbox` takes its origin away. Its figures carry their styles in them.
POLICY = "; ".join(
    (
        *("default-src 'none'", "style-src 'unsafe-inline'", "img-src data:", "sandbox"),
        *("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"),
    )
)


def report_page(given: Path) -> Path:
    """The page of a report, from its folder, the page itself or its numbers.

    Raises:
        UsageError: there is none; the text says how to make it.
    """
    folder = given if given.is_dir() else given.parent
    if not given.exists():
        raise UsageError(f"--report {given} is not there: name the folder that `pilotage evaluate --out` wrote")
    if given.is_file() and given.name != PAGE and given.suffix != ".json":
        raise UsageError(f"--report {given} is no report: name the folder that `pilotage evaluate --out` wrote")
    page = given if given.name == PAGE else folder / PAGE
    if not page.is_file():
        numbers = given if given.is_file() else folder / "evaluation.json"
        raise UsageError(f"there is no {page}: make it with `pilotage report {numbers} --out {folder}`")
    return page
