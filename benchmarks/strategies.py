"""Every strategy against what theory gives for it: scripted models of known skill, many tasks, one table.

A row is one known answer. Its verdict is whether the measured mean lies within four standard errors of theory (of
bounds: not above). All is seeded: the same command gives the same table. Rows whose runs are long get fewer tasks.

    python benchmarks/strategies.py [--tasks 2000] [--only NAME ...] [--json]
"""

import argparse
import asyncio
import json
import sys
import time

from known_answers import choosing, reading, searching, spending
from known_answers.row import Measured, Row, measure

COLUMNS = ("strategy", "setting", "figure", "theory", "measured (95%)", "tasks", "")


def all_rows() -> list[Row]:
    """Every known answer, by kind of strategy."""
    return [row for kind in (choosing, searching, reading, spending) for row in kind.rows()]


def number(value: float) -> str:
    """Three decimals where they tell something."""
    return f"{value:.3f}".lstrip("0") if 0 < abs(value) < 1 else f"{value:.2f}".rstrip("0").rstrip(".")


def cells(row: Measured) -> tuple[str, ...]:
    """A row as it is printed."""
    theory = f"{'≤ ' if row.relation == '<=' else ''}{number(row.theory)}"
    mean = f"{number(row.mean)} ({number(row.low)}–{number(row.high)})"
    return row.strategy, row.setting, row.figure, theory, mean, f"{row.tasks:,}", "holds" if row.holds else "NO"


def table(measured: list[Measured]) -> str:
    """All rows as a table of Markdown."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *map(cells, measured)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


async def measure_all(rows: list[Row], tasks: int) -> list[Measured]:
    """Measures row after row, and tells each on standard error."""
    measured = []
    for place, row in enumerate(rows, 1):
        started = time.perf_counter()
        measured.append(await measure(row, tasks))
        told = f"[{place}/{len(rows)}, {time.perf_counter() - started:.0f} s] {'  '.join(cells(measured[-1]))}"
        print(told, file=sys.stderr, flush=True)
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=2000, help="of a row; of one whose runs are long, fewer")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="strategies; all by default")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    if options.tasks < 1:
        parser.error(f"--tasks {options.tasks}: give 1 or more")
    rows = all_rows()
    names = list(dict.fromkeys(row.strategy for row in rows))
    if unknown := sorted(set(options.only or ()) - set(names)):
        parser.error(f"--only {unknown[0]}: no such strategy is measured; there are {', '.join(names)}")
    rows = [row for row in rows if not options.only or row.strategy in options.only]
    measured = asyncio.run(measure_all(rows, options.tasks))
    figures = {"tasks": options.tasks, "rows": [row.as_dict() for row in measured]}
    print(json.dumps(figures, indent=1, ensure_ascii=False) if options.json else table(measured))
    if broken := [row for row in measured if not row.holds]:
        sys.exit(f"{len(broken)} of {len(measured)} known answers do not hold")


if __name__ == "__main__":
    main()
