"""The numbers behind the figures, as tables of text."""

from __future__ import annotations

from dataclasses import dataclass

from pilotage.navigator.evaluation.schema import Evaluation, PolicyFigures, Routes
from pilotage.navigator.report.findings import verdict
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


def policies(data: Evaluation) -> Table:
    """All policies by falling value, the oracle last."""
    ranked = sorted(data.policies, key=lambda policy: (policy.kind == "oracle", -policy.value))
    head = ["policy", "kind", "right", "95% interval", "tokens a task", "95% interval", "blocks", "value", "seeds"]
    partly = any(policy.coverage < 1 for policy in ranked)
    rows = []
    for policy in ranked:
        row = [
            policy.name,
            policy.kind,
            percent(policy.accuracy),
            percent_between(policy.accuracy_interval),
            tokens(policy.cost),
            tokens_between(policy.cost_interval),
            number(policy.blocks, 1),
            number(policy.value, 3),
            _seeds(policy),
        ]
        rows.append((*row, percent(policy.coverage, 0)) if partly else tuple(row))
    return Table((*head, "tasks known") if partly else tuple(head), tuple(rows), 2)


def _seeds(policy: PolicyFigures) -> str:
    """Lowest and highest accuracy over training seeds, or their interquartile mean where it is given."""
    if policy.iqm is not None:
        return f"IQM {percent(policy.iqm.accuracy)} ({percent_between(policy.iqm.interval)})"
    if not policy.seeds:
        return NONE
    found = [seed.accuracy for seed in policy.seeds]
    return percent_between((min(found), max(found)))


def about(data: Evaluation) -> list[tuple[str, str]]:
    """How each policy was made, by name."""
    return [(policy.name, policy.about) for policy in data.policies if policy.about]


def comparisons(data: Evaluation) -> Table | None:
    """All comparisons; None without."""
    said = {"more": "more accurate", "less": "less accurate"}
    rows = []
    for one in data.comparisons:
        ratio = NONE if one.cost_ratio is None else f"{100 * one.cost_ratio:,.0f}%"
        if one.cost_ratio is not None and one.cost_ratio_interval is not None:
            ratio += f" ({100 * one.cost_ratio_interval[0]:,.0f} to {100 * one.cost_ratio_interval[1]:,.0f}%)"
        rows.append(
            (
                one.policy,
                one.against,
                said.get(verdict(one.interval, one.holm_p), "not significantly different"),
                points(one.difference),
                points_between(one.interval),
                f"{_count(one.better)} : {_count(one.worse)}",
                NONE if one.mcnemar_p is None else p_value(one.mcnemar_p),
                NONE if one.holm_p is None else p_value(one.holm_p),
                ratio,
                NONE if one.gap_closed is None else percent(one.gap_closed, 0),
                f"{one.tasks:,}",
            )
        )
    head = (
        "policy",
        "against",
        "finding",
        "points",
        "95% interval",
        "tasks better : worse",
        "McNemar p",
        "p after Holm",
        "cost ratio",
        "gap closed",
        "tasks",
    )
    return Table(head, tuple(rows), 3, "All comparisons") if rows else None


def frontier(data: Evaluation) -> Table | None:
    """All points of the frontier; None without."""
    rows = tuple(
        (
            line.policy,
            NONE if point.effort is None else number(point.effort, 2),
            NONE if point.cost_weight is None else number(point.cost_weight, 3),
            percent(point.accuracy),
            NONE if point.accuracy_interval is None else percent_between(point.accuracy_interval),
            tokens(point.cost),
            NONE if point.cost_interval is None else tokens_between(point.cost_interval),
        )
        for line in data.frontier
        for point in line.points
    )
    head = ("policy", "effort", "cost weight", "right", "95% interval", "tokens a task", "95% interval")
    return Table(head, rows, 1, "All points of the frontier") if rows else None


def families(data: Evaluation, names: list[str]) -> Table | None:
    """Accuracy and tokens by family and policy; None without families."""
    rows = []
    for family in data.families:
        cells = []
        for name in names:
            score = family.policies.get(name)
            if score is None or score.accuracy is None:
                cells.append(NONE)
            else:
                paid = "" if score.cost is None else f" / {tokens(score.cost)}"
                cells.append(f"{100 * score.accuracy:.0f}%{paid}")
        rows.append((family.family, f"{family.tasks:,}", *cells))
    return Table(("family", "tasks", *names), tuple(rows), 1, "Right / tokens a task, by family") if rows else None


def transfer(data: Evaluation) -> Table | None:
    """Scores on what was not trained on; None without."""
    rows = tuple(
        (
            one.policy,
            f"{one.kind}: {one.held_out}",
            f"{one.tasks:,}",
            percent(one.accuracy),
            tokens(one.cost),
            percent(one.best_fixed_accuracy),
            tokens(one.best_fixed_cost),
            points(one.difference),
            points_between(one.interval),
        )
        for one in data.transfer
    )
    head = (
        "policy",
        "not trained on",
        "tasks",
        "right",
        "tokens",
        "best fixed right",
        "tokens",
        "points",
        "95% interval",
    )
    return Table(head, rows, 2) if rows else None


def moves(routes: Routes | None) -> Table | None:
    """What follows what on all tasks; None without routes."""
    if routes is None or not routes.edges:
        return None
    ordered = sorted(routes.edges, key=lambda edge: (-edge.share, edge.source, edge.to))
    rows = tuple((edge.source, edge.to, number(edge.share, 3)) for edge in ordered)
    return Table(("from", "to", "times a task"), rows, 2, f"All moves of {routes.policy}")


def uses(data: Evaluation) -> Table | None:
    """Blocks a task by policy; None where no policy says."""
    names = list(dict.fromkeys(name for policy in data.policies for name in policy.uses))
    known = [policy for policy in data.policies if policy.uses]
    rows = tuple((policy.name, *(_times(policy.uses.get(name, 0.0)) for name in names)) for policy in known)
    return Table(("policy", *names), rows, 1, "Times a task that each block is run") if rows else None


def _times(value: float) -> str:
    return number(value, 2) if value >= 0.005 else NONE


def _count(value: float) -> str:
    return number(value, 0 if float(value).is_integer() else 1)
