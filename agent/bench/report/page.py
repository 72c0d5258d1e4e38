"""The page of a comparison: what was found, in sentences computed from the figures, and figures and tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pilotage.agent.bench.report.side_by_side import SideBySide
from pilotage.agent.bench.schema import Benched, DrawCurve, MethodFigures
from pilotage.navigator.report import tables
from pilotage.navigator.report.findings import comparison, is_significant
from pilotage.navigator.report.page import rendered
from pilotage.navigator.report.sections import Section
from pilotage.navigator.report.tables import NONE, Columns, tables_of
from pilotage.navigator.report.wording import (
    counted,
    listed,
    named,
    number,
    percent,
    percent_between,
    tokens,
    tokens_between,
)


def page(data: Benched, svgs: Mapping[str, str]) -> str:
    """The page as HTML. Names and texts are escaped.

    Args:
        data: the comparison.
        svgs: SVG text of the figures, by name.
    """
    setting = data.setting
    facts = [counted(setting.tasks, "task"), counted(len(data.methods), "method"), setting.model]
    facts += [f"{setting.repeats} repeats"] * (setting.repeats > 1) + [f"seed {setting.seed}"]
    return rendered(
        "bench.html",
        svgs,
        [one for one in _sections(data) if one.name in svgs or one.tables],
        "pilotage.agent.bench.report",
        title="Methods on the same tasks",
        facts=facts,
        headline=headline(data),
        notes=data.notes,
        methods=_methods(data),
        method=_method(data),
    )


def headline(data: Benched) -> list[str]:
    """The main findings: who is the most accurate, what is more than chance, and what all reach together."""
    most = max(one.accuracy for one in data.methods)
    best, *equals = sorted((one for one in data.methods if one.accuracy == most), key=lambda one: one.cost)
    cheap = min(data.methods, key=lambda one: one.cost)
    also = f", as many as {' and '.join(named(one.name) for one in equals)}, which cost more" if equals else ""
    said = [
        f"{named(best.name)} has the most right of these tasks: {percent(best.accuracy)} (95% interval "
        f"{percent_between(best.accuracy_interval)}) for {tokens(best.cost)} tokens a task{also}."
    ]
    if cheap.name != best.name:
        said.append(
            f"{named(cheap.name)} is the cheapest: {percent(cheap.accuracy)} right for {tokens(cheap.cost)} tokens."
        )
    if data.comparisons:
        sure = [one for one in data.comparisons if is_significant(one)]
        n = len(data.comparisons)
        if not sure:
            said.append(
                f"Of {counted(n, 'comparison')} with {named(data.comparisons[0].against)} none is significant: these "
                "tasks do not tell the methods apart."
            )
        said += [comparison(one) for one in sure]
        together = data.together
        gap = together.oracle - together.best_single_accuracy
        said.append(
            f"Any method is right on {percent(together.oracle)} of the tasks{_where(data)}, "
            f"{number(100 * gap, 1)} points more than {named(together.best_single)} alone: what knowing which to ask "
            "could add at most, chance included."
        )
    return said


def _methods(data: Benched) -> tables.Table:
    columns: Columns[MethodFigures] = [
        ("method", lambda one: one.name),
        ("right", lambda one: percent(one.accuracy)),
        ("95% interval", lambda one: percent_between(one.accuracy_interval)),
        ("unanswered", lambda one: percent(one.unanswered)),
        ("tokens in", lambda one: _about(one) + number(one.prompt_tokens, 0)),
        ("tokens out", lambda one: _about(one) + number(one.completion_tokens, 0)),
        ("tokens, 95% interval", lambda one: tokens_between(one.cost_interval)),
        ("idealised cost", lambda one: number(1000 * one.idealised, 0)),
        ("calls", lambda one: number(one.calls, 1)),
        ("seconds", lambda one: number(one.seconds, 1)),
    ]
    if any(one.money is not None for one in data.methods):
        columns = [*columns, ("US$ for 1,000", lambda one: NONE if one.money is None else number(1000 * one.money))]
    if data.setting.repeats > 1:
        columns = [
            *columns,
            ("right, by repeat", lambda one: percent_between((min(one.by_repeat), max(one.by_repeat)))),
        ]
    for model in dict.fromkeys(name for one in data.methods for name in one.others):
        columns = [*columns, (f"tokens of {model}", _tokens_of(model))]
    for metric in dict.fromkeys(name for one in data.methods for name in one.metrics):
        columns = [*columns, (metric.replace("_", " "), _metric(metric))]
    return tables_of(data.methods, columns)[0]


def _metric(name: str) -> Callable[[MethodFigures], str]:
    return lambda one: percent(one.metrics[name]) if name in one.metrics else NONE


def _tokens_of(model: str) -> Callable[[MethodFigures], str]:
    return lambda one: _about(one) + number(1000 * one.others.get(model, 0.0), 0)


def _about(one: MethodFigures) -> str:
    return "~" if one.estimated else ""


def _sections(data: Benched) -> list[Section]:
    shown = SideBySide.of(data)
    return [
        Section(
            "frontier",
            "Accuracy and cost",
            ["Up and to the left is better: more right answers for fewer tokens."],
            "Crosses are 95% intervals. Hollow: what the others are compared with. Dotted: any method right. Figures "
            "call a strategy by its name alone, without the prefix, and cut long names short.",
        ),
        Section(
            "comparisons",
            "Comparisons",
            [
                "All on the same tasks, paired by task."
                if len(data.comparisons) > 1
                else "On the same tasks, paired by task."
            ],
            "Bars are 95% intervals; those of significant differences are heavy, and their figures bold. p is "
            "McNemar's or, where scores are means of repeats, of sign flips"
            + (", after Holm's correction; the intervals are not adjusted" if data.setting.adjusted_for > 1 else "")
            + ". Right: times the tokens.",
            tables.comparisons(shown),
        ),
        Section(
            "families",
            "Families",
            ["A family has few of the tasks: read patterns, not single cells."],
            "Families from the easiest down, by mean accuracy over the methods.",
            tables.families(shown) if len(data.families) > 1 else (),
        ),
        Section(
            "together",
            "Who solves what",
            [
                f"{_every(data)} {counted(data.together.by_all, 'task')}, {_no(data)} solves "
                f"{counted(data.together.by_none, 'task')}."
            ],
            "",
            _only(data),
        ),
        Section(
            "equal-tokens",
            "Accuracy at the same spend",
            [
                "What each method's draws come to where a task may spend so many tokens on them, the first draws in "
                "the order they were asked for."
            ],
            "Lines: the draws vote, whatever the method itself chooses by, and what a scorer was asked does not count. "
            "Bands are 95% intervals. Markers: methods that draw once, at their mean cost.",
            _points(data, "by_tokens", "Accuracy at the same spend, in figures"),
        ),
        Section(
            "saturation",
            "Accuracy by the number of draws",
            [_gain(data.curves)],
            "A task on which a method stopped earlier keeps what it has. Bands are 95% intervals.",
            _points(data, "by_draws", "Accuracy by the number of draws, in figures"),
        ),
    ]


def _where(data: Benched) -> str:
    return " in the same repeat" if data.setting.repeats > 1 else ""


def _every(data: Benched) -> str:
    return "Every run of every method solves" if data.setting.repeats > 1 else "All methods solve"


def _no(data: Benched) -> str:
    return "no run" if data.setting.repeats > 1 else "none"


def _only(data: Benched) -> tuple[tables.Table, ...]:
    columns: Columns[tuple[str, tuple[str, ...]]] = [
        ("method", lambda row: row[0]),
        ("tasks", lambda row: listed(row[1][:20]) + (f" and {len(row[1]) - 20} more" if len(row[1]) > 20 else "")),
        ("solved by it alone", lambda row: str(len(row[1]))),
    ]
    rows = [row for row in data.together.only.items() if row[1]] if len(data.methods) > 1 else []
    return tables_of(rows, columns, 2)


def _gain(curves: tuple[DrawCurve, ...]) -> str:
    """What further draws were worth, for each method."""
    said = []
    for curve in curves:
        first, half, last = curve.by_draws[0], curve.by_draws[(len(curve.by_draws) - 1) // 2], curve.by_draws[-1]
        said.append(
            f"{named(curve.method)} {percent(first.accuracy)} with {number(first.draws, 0)}, {percent(half.accuracy)} "
            f"with {number(half.draws, 1)} and {percent(last.accuracy)} with {number(last.draws, 1)}"
        )
    return f"Right by the vote of the draws: {'; '.join(said)}."


def _points(data: Benched, field: str, title: str) -> tuple[tables.Table, ...]:
    rows = [(curve.method, point) for curve in data.curves for point in getattr(curve, field)]
    limit = [("tokens at most", lambda row: tokens(row[1].limit))] if field == "by_tokens" else []
    return tables_of(
        rows,
        [
            ("method", lambda row: row[0]),
            *limit,
            ("draws", lambda row: number(row[1].draws, 1)),
            ("tokens of them", lambda row: tokens(row[1].cost)),
            ("right, vote", lambda row: percent(row[1].accuracy)),
            ("95% interval", lambda row: percent_between(row[1].accuracy_interval)),
            ("oracle", lambda row: percent(row[1].oracle)),
            ("blind", lambda row: percent(row[1].blind)),
        ],
        title=title,
    )


def _method(data: Benched) -> list[str]:
    setting = data.setting
    weights = setting.cost_model
    budget, several = setting.budget, setting.adjusted_for > 1
    limits = [f"{budget[name]:,g} {what}" for name, what in _LIMITS.items() if budget.get(name)]
    sources = f" from {listed([named(source) for source in setting.sources])}" if setting.sources else ""
    return [
        f"{counted(len(data.methods), 'method')} on {counted(setting.tasks, 'task')}{sources}, with the model "
        f"{named(setting.model)}, each task by all methods before the next; the limits of a run: "
        f"{listed(limits) or 'not known'}.",
        f"Runs: {setting.pairs} of each method"
        + (
            f", {setting.repeats} a task under the seeds from {setting.seed} on; a task's are averaged"
            * (setting.repeats > 1)
        )
        + ". There is no memory. Every call counts, failed and cancelled ones too; one that was replayed from the "
        "response cache counts in full for each method.",
        f"The idealised cost weighs a token that is read by {weights.prompt:g} and one that is written by "
        f"{weights.decode:g}, whatever an endpoint charges, caches, or how busy it is"
        + "".join(f"; those of {named(name)} {times:g} times as much" for name, times in weights.models.items())
        + ". Seconds are those of all calls added up.",
        f"Intervals are 95% bootstrap intervals over tasks ({setting.bootstrap:,} resamples), paired by task for "
        "differences and ratios; p-values are McNemar's exact test where every task is right or wrong, and sign flips "
        "where scores are means of repeats"
        + (f", adjusted by Holm for {setting.adjusted_for} comparisons; the intervals are not adjusted" * several)
        + ". Better and worse: tasks on which more of a method's runs are right than of the other's, and fewer.",
        "A task without an answer, or whose reply stayed unusable, is wrong. A vote whose leaders tie counts as the "
        "mean of them.",
    ]


_LIMITS = {"max_tokens": "tokens", "max_calls": "calls", "max_steps": "blocks", "max_seconds": "seconds"}
