"""Every strategy against what theory gives for it: scripted models of known skill, many tasks, one table.

A row is one known answer. Its verdict is whether the measured mean lies within four standard errors of theory (of
bounds: not above); where theory is exact, whether every task gave just that. All is seeded: the same command gives the
same table. Rows whose runs are long get fewer tasks.

    python benchmarks/strategies.py [--tasks 2000] [--only NAME ...] [--json]

With --peers other toolkits are measured beside ours where they have the method, on the same model and tasks, as methods
of `pilotage bench` (docs/bench.md); FOLDER holds their environments.

    python benchmarks/strategies.py --peers FOLDER [--tasks 200] [--json]
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

from known_answers import choosing, peers, reading, searching, spending
from known_answers.row import Measured, Row, measure

from pilotage.agent.errors import UsageError

TOOLKITS = ("pilotage", "its_hub", "optillm")
SIGNS = {"=": "", "<=": "≤ ", "exact": "exactly "}
COLUMNS = ("strategy", "setting", "figure", "theory", "measured (95%)", "tasks", "")


def all_rows() -> list[Row]:
    """Every known answer, by kind of strategy."""
    return [row for kind in (choosing, searching, reading, spending) for row in kind.rows()]


def number(value: float) -> str:
    """Three decimals where they tell something."""
    return f"{value:.3f}".lstrip("0") if 0 < abs(value) < 1 else f"{value:.2f}".rstrip("0").rstrip(".")


def cells(row: Measured) -> tuple[str, ...]:
    """A row as it is printed."""
    theory = f"{SIGNS[row.relation]}{number(row.theory)}"
    mean = f"{number(row.mean)} ({number(row.low)}–{number(row.high)})"
    return row.strategy, row.setting, row.figure, theory, mean, f"{row.tasks:,}", "holds" if row.holds else "NO"


def table(measured: list[Measured]) -> str:
    """All rows as a table of Markdown."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *map(cells, measured)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def beside(measured: dict[str, Measured]) -> tuple[str, ...]:
    """A row of all toolkits as it is printed."""
    ours = measured["pilotage"]
    shares = [
        f"{number(one.mean)} ({number(one.low)}–{number(one.high)}){'' if one.holds else ' NO'}"
        if (one := measured.get(name))
        else ""
        for name in TOOLKITS
    ]
    return ours.strategy, ours.setting, number(ours.theory), *shares, f"{ours.tasks:,}"


def peers_table(measured: list[dict[str, Measured]]) -> str:
    """Ours beside the others as a table of Markdown."""
    titles = ("strategy", "setting", "theory", *TOOLKITS, "tasks")
    lines = [titles, ("---",) * len(titles), *map(beside, measured)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


async def measure_peers(folder: Path, tasks: int, only: list[str]) -> list[dict[str, Measured]]:
    """Measures ours and the others on each known answer that they have a method for."""
    measured = []
    async with peers.toolkits(folder) as running:
        for one in peers.compared():
            if only and one.row.strategy not in only:
                continue
            figures = {"pilotage": await measure(one.row, tasks)}
            for method in one.peers:
                figures[method.partition(":")[2].partition("/")[0]] = await peers.measure_peer(
                    one, method, running, figures["pilotage"].tasks
                )
            measured.append(figures)
            print("  ".join(beside(figures)), file=sys.stderr, flush=True)
    return measured


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
    parser.add_argument(
        "--peers", type=Path, metavar="FOLDER", help="measure other toolkits, whose environments it has"
    )
    options = parser.parse_args()
    if options.tasks < 1:
        parser.error(f"--tasks {options.tasks}: give 1 or more")
    rows = all_rows()
    names = list(dict.fromkeys(row.strategy for row in rows))
    if unknown := sorted(set(options.only or ()) - set(names)):
        parser.error(f"--only {unknown[0]}: no such strategy is measured; there are {', '.join(names)}")
    if options.peers:
        try:
            compared = asyncio.run(measure_peers(options.peers, options.tasks, options.only or []))
        except UsageError as error:
            parser.error(str(error))
        rows = [{name: one.as_dict() for name, one in row.items()} for row in compared]
        figures = {"tasks": options.tasks, "rows": rows}
        print(json.dumps(figures, indent=1, ensure_ascii=False) if options.json else peers_table(compared))
        return
    rows = [row for row in rows if not options.only or row.strategy in options.only]
    measured = asyncio.run(measure_all(rows, options.tasks))
    figures = {"tasks": options.tasks, "rows": [row.as_dict() for row in measured]}
    print(json.dumps(figures, indent=1, ensure_ascii=False) if options.json else table(measured))
    if broken := [row for row in measured if not row.holds]:
        sys.exit(f"{len(broken)} of {len(measured)} known answers do not hold")


if __name__ == "__main__":
    main()
