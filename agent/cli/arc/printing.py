"""What `pilotage arc` prints for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from pilotage.agent.cli.terminal import number_of, plain, table
from pilotage.common.text import one_line

if TYPE_CHECKING:
    from rich.text import Text

    from pilotage.agent.arc.checks import Finding, Overlap
    from pilotage.agent.arc.comparing import Compared, Difference
    from pilotage.agent.arc.drawing import Panel, Rows
    from pilotage.agent.arc.protocol.outcome import Outcome
    from pilotage.agent.arc.scoring import SplitScore
    from pilotage.agent.arc.splits import Split
    from pilotage.agent.arc.submissions import Malformed
    from pilotage.agent.cli.screen import Screen

NAMED = 20
"""Ids that are named at most; `--json` has all."""
SHOWN_MALFORMED = 3
"""Attempts that are told why they are no grids."""


def print_findings(console: Screen, found: Sequence[Finding]) -> None:
    """A line for each."""
    if not found:
        console.print("nothing odd: no puzzle repeats or contradicts itself, or shows an answer")
    for one in found:
        console.print_line(f"{plain(one.id)}  {plain(one.what)}")


def print_overlaps(console: Screen, judged: Split, name: str, found: Sequence[Overlap]) -> None:
    """How many puzzles another split shows, and which."""
    known = list(dict.fromkeys(one.id for one in found))
    if not known:
        console.print_line(f"\nagainst [bold]{plain(name)}[/]  none of them is shown there")
        return
    same = len({one.id for one in found if one.is_same})
    shown = f"{len(known)} of {number_of(len(judged.puzzles), 'puzzle')} are shown there, {same} of them whole"
    console.print_line(f"\nagainst [bold]{plain(name)}[/]  {shown}")
    renamed = [f"{one.id} is {one.other}" for one in found if one.is_same and one.id != one.other]
    partly = [f"{one.id} shares {one.shared} of {one.pairs} pairs with {one.other}" for one in found if not one.is_same]
    for line in (*renamed[:NAMED], *partly[:NAMED]):
        console.print_line(f"  {plain(line)}")
    console.print_line(f"  {plain(', '.join(known[:NAMED]))}{' and so on, --json has all' if known[NAMED:] else ''}")


def print_score(console: Screen, score: SplitScore) -> None:
    """The official score, and what stands beside it."""
    rows = table("score", "", "95% interval, over puzzles", "counts")
    for name, share, what in (
        ("official", score.official, "the share of each puzzle's tests that one of two attempts solves"),
        ("strict", score.strict, "puzzles with all tests solved"),
        ("first attempt", score.first, "as official, of first attempts alone"),
    ):
        low, high = share.interval
        rows.add_row(name, f"{share.value:.1%}", f"{low:.1%} to {high:.1%}", what)
    console.print(rows)
    every, solved = score.tests
    console.print(f"{solved} of {number_of(every, 'test')} solved")
    if score.missing:
        console.print_line(f"{number_of(len(score.missing), 'puzzle')} without an attempt, which count zero")
    if score.unread:
        console.print_line(f"{number_of(score.unread, 'puzzle')} that could not be read, which count zero")
    if score.beyond:
        shown = ", ".join(score.beyond[:NAMED])
        console.print_line(f"[yellow]not of this split[/], and not counted: {plain(shown)}")


def print_malformed(console: Screen, found: Sequence[Malformed]) -> None:
    """One line: how many attempts are no grids, and which come first."""
    if not found:
        return
    what = "attempt is no grid and counts" if len(found) == 1 else "attempts are no grids and count"
    shown = "; ".join(map(str, found[:SHOWN_MALFORMED]))
    more = " and so on, --json has all" if found[SHOWN_MALFORMED:] else ""
    console.print_line(f"[yellow]{len(found):,} {what} as wrong[/]: {plain(shown)}{more}")


def print_compared(console: Screen, found: Compared, tokens: Mapping[str, int]) -> None:
    """A row for each run, one for each difference, and who alone solves what."""
    rows = table("run", "official", "strict", "first attempt", "tokens a puzzle", "solves alone")
    for name, score in found.scores.items():
        shares = [f"{share.value:.1%}" for share in (score.official, score.strict, score.first)]
        rows.add_row(plain(name), *shares, f"{tokens[name] / len(score.puzzles):,.0f}", str(len(found.alone[name])))
    console.print(rows)
    first = next(iter(found.scores))
    for one in found.differences:
        console.print_line(plain(_difference(one, first)))
    for name, ids in found.alone.items():
        if ids:
            more = " and so on, --json has all" if ids[NAMED:] else ""
            console.print_line(f"{plain(name)} alone: {plain(', '.join(ids[:NAMED]))}{more}")
    console.print(f"{len(found.nobody)} are solved by none")


def print_outcome(console: Screen, found: Outcome) -> None:
    """A row for each arm and pass, then how the arms differ at the end."""
    rows = table(*_OUTCOME[:2], right=_OUTCOME[2:])
    for cells in _outcome_rows(found):
        rows.add_row(*map(plain, cells))
    console.print(rows)
    for line in _apart(found):
        console.print_line(plain(line))


def outcome_markdown(found: Outcome, about: str, split: str, model: str) -> str:
    """The same as a page of Markdown."""
    rows = [_OUTCOME, ("---",) * len(_OUTCOME), *_outcome_rows(found)]
    lines = [f"| {' | '.join(one_line(cell).replace('|', ' ') for cell in cells)} |" for cells in rows]
    head = [one_line(about), f"{one_line(split)}, {number_of(found.puzzles, 'puzzle')}, {one_line(model)}"]
    return "\n".join([*("\n\n".join(filter(None, head)).splitlines()), "", *lines, "", *_apart(found), ""])


_OUTCOME = ("arm", "after", "official, 95%", "strict, 95%", "tokens a puzzle", "calls a puzzle", "dollars in all")


def _outcome_rows(found: Outcome) -> Iterator[tuple[str, ...]]:
    runs = found.puzzles * found.repeats
    for name, passes in found.arms.items():
        for after in passes:
            shares = [
                f"{share.value:.1%} ({share.interval[0]:.1%} to {share.interval[1]:.1%})"
                for share in (after.official, after.strict)
            ]
            usage, retries = after.usage, after.retries
            what = "first pass" if not retries else "1 retry" if retries == 1 else f"{retries} retries"
            money = "unknown" if usage.cost is None else f"{usage.cost:,.2f}"
            tokens, calls = usage.total_tokens / runs, usage.llm_calls / runs
            yield name, what, *shares, f"{usage.about}{tokens:,.0f}", f"{calls:.2f}", money


def _apart(found: Outcome) -> Iterator[str]:
    """How the arms differ at the end, a line each."""
    first = next(iter(found.arms))
    for one in found.differences[-1]:
        yield _difference(one, first)
    repeats = "one run of each arm" if found.repeats == 1 else f"means over {found.repeats} runs of each arm"
    yield f"{repeats}; intervals are over puzzles, differences puzzle by puzzle, p adjusted for all arms"


def _difference(one: Difference, first: str) -> str:
    points, low, high = (100 * value for value in one.points)
    return (
        f"{one.run} against {first}: {points:+.1f} points ({low:+.1f} to {high:+.1f}), "
        f"better on {one.better}, worse on {one.worse}, p = {one.p:.2f}"
    )


def print_puzzle(console: Screen, title: str, rows: Rows) -> None:
    """The grids, side by side as far as the screen is wide; each cell is its digit on its colour."""
    console.print_line(f"[bold]{plain(title)}[/]")
    for row in rows:
        for panels in _fitting(row, console.width):
            console.print()
            _print_panels(console, panels)


def _width(panel: Panel) -> int:
    return max(len(panel.caption), 2 * len(panel.grid[0]) if panel.grid else 0)


def _fitting(row: Sequence[Panel], width: int) -> list[list[Panel]]:
    """The panels in as few lines as they fit into; one that is too wide has a line of its own."""
    lines: list[list[Panel]] = [[]]
    for panel in row:
        if lines[-1] and sum(_width(one) + 3 for one in (*lines[-1], panel)) > width:
            lines.append([])
        lines[-1].append(panel)
    return lines


def _print_panels(console: Screen, panels: Sequence[Panel]) -> None:
    from rich.text import Text

    widths = [_width(panel) for panel in panels]
    captions = [panel.caption.ljust(width) for panel, width in zip(panels, widths, strict=True)]
    console.print_line(plain("   ".join(captions)))
    for y, cells in enumerate(zip_longest(*(panel.grid or () for panel in panels))):
        line = Text()
        for number, (panel, row, width) in enumerate(zip(panels, cells, widths, strict=True)):
            line.append("   " if number else "")
            line.append_text(_line(panel, y, row or (), width))
        console.print(line, soft_wrap=True)


def _line(panel: Panel, y: int, row: tuple[int, ...], width: int) -> Text:
    """One row of a panel's cells; behind the digit of a wrong one stands a cross."""
    from rich.style import Style
    from rich.text import Text

    from pilotage.agent.arc.drawing import PALETTE, ink_on

    text = Text()
    for x, colour in enumerate(row):
        mark = "×" if (y, x) in panel.wrong else " "
        text.append(f"{colour}{mark}", Style(color=ink_on(colour), bgcolor=PALETTE[colour]))
    return text.append(" " * (width - 2 * len(row)))
