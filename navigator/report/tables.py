"""The numbers behind the figures, as tables of text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pilotage.navigator.evaluation.comparison_parts import Comparison, Power
from pilotage.navigator.evaluation.schema import Evaluation, PolicyFigures, Routes, Score
from pilotage.navigator.report.findings import is_significant
from pilotage.navigator.report.shown import Shown
from pilotage.navigator.report.wording import (
    number,
    p_value,
    percent,
    percent_between,
    points,
    points_between,
    tokens,
    tokens_between,
)

NONE = "\u2013"

T = TypeVar("T")
Columns = Sequence[tuple[str, Callable[[T], str]]]
"""Titles, and what each has of a row."""


@dataclass(frozen=True)
class Table:
    """A table: the first cell of a row names it. Numbers stand right.

    Attributes:
        head: column titles.
        rows: cells, as many as titles.
        words: how many columns from the left are words.
        title: what it is, where it is folded away; empty where it stands open.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1
    title: str = ""


def tables_of(rows: Iterable[T], columns: Columns[T], words: int = 1, title: str = "") -> tuple[Table, ...]:
    """One table; none without rows."""
    cells = tuple(tuple(cell(row) for _, cell in columns) for row in rows)
    return (Table(tuple(name for name, _ in columns), cells, words, title),) if cells else ()


def _known(show: Callable[[T], str], value: T | None) -> str:
    return NONE if value is None else show(value)


def policies(data: Evaluation) -> Table:
    """All policies by falling value, the oracle last."""
    columns: Columns[PolicyFigures] = [
        ("policy", lambda one: one.name),
        ("kind", lambda one: one.kind),
        ("right", lambda one: percent(one.accuracy)),
        ("95% interval", lambda one: percent_between(one.accuracy_interval)),
        ("tokens a task", lambda one: tokens(one.cost)),
        ("95% interval", lambda one: tokens_between(one.cost_interval)),
        ("blocks", lambda one: number(one.blocks, 1)),
        ("value", lambda one: number(one.value, 3)),
        ("seeds", _seeds),
    ]
    if any(policy.accuracy_family_interval is not None for policy in data.policies):
        columns = [
            *columns,
            ("right, families anew", lambda one: _known(percent_between, one.accuracy_family_interval)),
        ]
    if any(policy.coverage < 1 for policy in data.policies):
        columns = [*columns, ("tasks known", lambda one: percent(one.coverage, 0))]
    ranked = sorted(data.policies, key=lambda policy: (policy.kind == "oracle", -policy.value))
    return tables_of(ranked, columns, 2)[0]


def _seeds(policy: PolicyFigures) -> str:
    """Lowest and highest accuracy over training seeds, or their interquartile mean where it is given."""
    if policy.iqm is not None:
        return f"IQM {percent(policy.iqm.accuracy)} ({percent_between(policy.iqm.interval)})"
    scores = [seed.accuracy for seed in policy.seeds]
    return percent_between((min(scores), max(scores))) if scores else NONE


def comparisons(data: Shown) -> tuple[Table, ...]:
    """All comparisons."""
    columns: Columns[Comparison] = [
        ("policy", lambda one: one.policy),
        ("against", lambda one: one.against),
        ("finding", _finding),
        ("points", lambda one: points(one.difference)),
        ("95% interval", lambda one: points_between(one.interval)),
        ("tasks better : worse", lambda one: f"{_count(one.better)} : {_count(one.worse)}"),
        ("McNemar p", lambda one: _known(p_value, one.mcnemar_p)),
        ("sign-flip p", lambda one: _known(p_value, one.permutation_p)),
        ("p after Holm", lambda one: _known(p_value, one.holm_p)),
        ("cost ratio", _ratio),
        ("gap closed", lambda one: _known(lambda share: percent(share, 0), one.gap_closed)),
        ("tasks", lambda one: f"{one.tasks:,}"),
    ]
    return tables_of(data.comparisons, columns, 3, "All comparisons") + _certainty(data)


def _certainty(data: Shown) -> tuple[Table, ...]:
    """What other families would have given, what holds where there is room, and what so many tasks can show."""
    columns: Columns[Comparison] = [
        ("policy", lambda one: one.policy),
        ("against", lambda one: one.against),
        ("points, families anew", lambda one: _known(points_between, one.family_interval)),
        ("cost ratio, families anew", lambda one: _known(percent_between, one.cost_ratio_family_interval)),
        ("points with room", lambda one: _known(lambda room: points(room.difference), one.with_room)),
        ("95% interval", lambda one: _known(lambda room: points_between(room.interval), one.with_room)),
        ("tasks with room", lambda one: _known(lambda room: f"{room.tasks:,}", one.with_room)),
        ("shows, points", lambda one: _known(_shown, one.power)),
        ("tasks for 6 points", lambda one: _known(lambda power: f"{power.tasks_for_6_points:,}", one.power)),
    ]
    known = [one for one in data.comparisons if one.power or one.family_interval or one.with_room]
    return tables_of(known, columns, 2, "Families drawn anew, families with room, and power")


def _shown(power: Power) -> str:
    return "none" if power.smallest is None else number(100 * power.smallest, 1)


def _finding(one: Comparison) -> str:
    if not is_significant(one):
        return "not significantly different"
    return "more accurate" if one.difference > 0 else "less accurate"


def _ratio(one: Comparison) -> str:
    if one.cost_ratio is None or one.cost_ratio_interval is None:
        return _known(lambda ratio: f"{100 * ratio:,.0f}%", one.cost_ratio)
    low, high = one.cost_ratio_interval
    return f"{100 * one.cost_ratio:,.0f}% ({100 * low:,.0f} to {100 * high:,.0f}%)"


def frontier(data: Shown) -> tuple[Table, ...]:
    """All points of the frontier."""
    rows = [(line.policy, point) for line in data.frontier for point in line.points]
    return tables_of(
        rows,
        [
            ("policy", lambda row: row[0]),
            ("effort", lambda row: _known(number, row[1].effort)),
            ("cost weight", lambda row: _known(lambda weight: number(weight, 3), row[1].cost_weight)),
            ("right", lambda row: percent(row[1].accuracy)),
            ("95% interval", lambda row: _known(percent_between, row[1].accuracy_interval)),
            ("tokens a task", lambda row: tokens(row[1].cost)),
            ("95% interval", lambda row: _known(tokens_between, row[1].cost_interval)),
        ],
        title="All points of the frontier",
    )


def families(data: Shown) -> tuple[Table, ...]:
    """Accuracy and tokens by family and policy."""

    def cell(score: Score | None) -> str:
        if score is None or score.accuracy is None:
            return NONE
        return f"{100 * score.accuracy:.0f}%{'' if score.cost is None else f' / {tokens(score.cost)}'}"

    names = list(dict.fromkeys(name for family in data.families for name in family.policies))
    rows = [(one.family, f"{one.tasks:,}", *(cell(one.policies.get(name)) for name in names)) for one in data.families]
    return (Table(("family", "tasks", *names), tuple(rows), 1, "Right / tokens a task, by family"),) if rows else ()


def transfer(data: Evaluation) -> tuple[Table, ...]:
    """Scores on what was not trained on."""
    return tables_of(
        data.transfer,
        [
            ("policy", lambda one: one.policy),
            ("not trained on", lambda one: f"{one.kind}: {one.held_out}"),
            ("tasks", lambda one: f"{one.tasks:,}"),
            ("right", lambda one: percent(one.accuracy)),
            ("tokens", lambda one: tokens(one.cost)),
            ("best fixed right", lambda one: percent(one.best_fixed_accuracy)),
            ("tokens", lambda one: tokens(one.best_fixed_cost)),
            ("points", lambda one: points(one.difference)),
            ("95% interval", lambda one: points_between(one.interval)),
        ],
        words=2,
    )


def moves(routes: Routes | None) -> tuple[Table, ...]:
    """What follows what on all tasks."""
    if routes is None:
        return ()
    ordered = sorted(routes.edges, key=lambda edge: (-edge.share, edge.source, edge.to))
    rows = tuple((edge.source, edge.to, number(edge.share, 3)) for edge in ordered)
    return (Table(("from", "to", "times a task"), rows, 2, f"All moves of {routes.policy}"),) if rows else ()


def uses(data: Evaluation) -> tuple[Table, ...]:
    """Blocks a task by policy, of those that tell."""
    names = list(dict.fromkeys(name for policy in data.policies for name in policy.uses))
    rows = [(one.name, *(_times(one.uses.get(name, 0.0)) for name in names)) for one in data.policies if one.uses]
    return (Table(("policy", *names), tuple(rows), 1, "Times a task that each block is run"),) if rows else ()


def _times(value: float) -> str:
    return number(value, 2) if value >= 0.005 else NONE


def _count(value: float) -> str:
    return number(value, 0 if float(value).is_integer() else 1)
