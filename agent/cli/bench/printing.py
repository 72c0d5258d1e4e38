"""A comparison as people read it on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotage.agent.cli.evaluate.printing import columns, difference, percents, span
from pilotage.agent.cli.terminal import plain
from pilotage.navigator.report.wording import elided

if TYPE_CHECKING:
    from pilotage.agent.bench.schema import Benched, CostModel, MethodFigures
    from pilotage.agent.cli.screen import Screen

FEW_METHODS = 4
"""Methods up to which the table of families has a column for each, however few families there are."""
LONGEST = 100
"""Signs of a name that is not cut short."""
FEW_FAMILIES = 12
"""Families that are printed at most; the report has all."""


def print_bench(console: Screen, data: Benched) -> None:
    """What was compared, each method's figures, the comparisons, the families, and what all reach together."""
    setting = data.setting
    repeats = "" if setting.repeats == 1 else f", {setting.repeats} runs of each by each method"
    console.print(f"[bold]{plain(setting.model)}[/]  {setting.tasks} tasks{repeats}")
    console.print("intervals are 95%, over tasks; figures are means a task\n")
    _print_methods(console, data)
    _print_comparisons(console, data)
    _print_families(console, data)
    _print_curves(console, data)
    _print_together(console, data)
    for sentence in data.notes:
        console.print(f"[yellow]note[/]  {plain(sentence)}")


def _print_methods(console: Screen, data: Benched) -> None:
    money = any(one.money is not None for one in data.methods)
    unanswered = any(one.unanswered for one in data.methods)
    titles = ["right", "tokens in", "out", "calls", "seconds", "idealised", *(["US$"] * money)]
    metrics = list(dict.fromkeys(name for one in data.methods for name in one.metrics))
    titles += ["unanswered"] * unanswered + [name.replace("_", " ") for name in metrics]
    rows = columns("method", *titles)
    for one in data.methods:
        about = "~" if one.estimated else ""
        cells = [f"{one.accuracy:.1%} {percents(one.accuracy_interval)}"]
        cells += [f"{about}{one.prompt_tokens:,.0f}", f"{about}{one.completion_tokens:,.0f}", f"{one.calls:.1f}"]
        cells += [f"{one.seconds:.1f}", f"{1000 * one.idealised:,.0f}"]
        cells += [_money(one)] * money + [f"{one.unanswered:.1%}"] * unanswered
        cells += [f"{one.metrics[name]:.1%}" if name in one.metrics else "" for name in metrics]
        rows.add_row(_name(one.name), *cells)
    console.print(rows)
    model = data.setting.cost_model
    console.print(
        f"[dim]seconds: of all calls added up; idealised: {model.prompt:g} a token that is read, {model.decode:g} a "
        f"token that is written{_times(model)}[/]\n"
    )


def _times(model: CostModel) -> str:
    """What second models weigh, where it was said."""
    return "".join(f"; {times:g} times for {plain(name)}" for name, times in model.models.items())


def _money(one: MethodFigures) -> str:
    return "unknown" if one.money is None else f"{one.money:.3g}"


def _print_comparisons(console: Screen, data: Benched) -> None:
    if not data.comparisons:
        return
    against = elided(data.comparisons[0].against, LONGEST)
    rows = columns(f"against {against}", "points", "better", "worse", "p", "times its tokens")
    for one in data.comparisons:
        points, p = difference(one)
        between = "" if one.cost_ratio_interval is None else f" {span(one.cost_ratio_interval, '.2f')}"
        ratio = "" if one.cost_ratio is None else f"{one.cost_ratio:.2f}{between}"
        rows.add_row(_name(one.policy), points, f"{one.better:g}", f"{one.worse:g}", p, ratio)
    console.print(rows)
    exact = "exact McNemar test" if all(one.mcnemar_p is not None for one in data.comparisons) else "sign flips"
    several = data.setting.adjusted_for
    by_holm = f", adjusted by Holm for {several} comparisons; the intervals of points are not" if several > 1 else ""
    console.print(f"[dim]p: {exact}{by_holm}[/]\n")


def _print_families(console: Screen, data: Benched) -> None:
    if not 1 < len(data.families) <= FEW_FAMILIES:
        return
    shares = {
        one.name: [_share(family.policies[one.name].accuracy) for family in data.families] for one in data.methods
    }
    if len(data.methods) <= max(FEW_METHODS, len(data.families)):
        rows = columns("right, by family", "tasks", *(elided(name, LONGEST) for name in shares))
        for place, family in enumerate(data.families):
            rows.add_row(_name(family.family), f"{family.tasks}", *(of_one[place] for of_one in shares.values()))
    else:  # many names of methods, which are long, are read below each other
        rows = columns("right, by family", *(f"{elided(one.family, LONGEST)} ({one.tasks})" for one in data.families))
        for name, of_one in shares.items():
            rows.add_row(_name(name), *of_one)
    console.print(rows)
    console.print()


def _share(accuracy: float | None) -> str:
    return "" if accuracy is None else f"{accuracy:.0%}"


def _print_curves(console: Screen, data: Benched) -> None:
    if not data.curves:
        return
    rows = columns("right, by draws", "draws", "tokens", "vote", "oracle", "blind")
    for curve in data.curves:
        last = len(curve.by_draws) - 1
        for place in sorted({0, last // 2, last}):
            one = curve.by_draws[place]
            cells = [f"{one.draws:.1f}", f"{1000 * one.cost:,.0f}", f"{one.accuracy:.1%}"]
            rows.add_row(_name(curve.method) if place == 0 else "", *cells, f"{one.oracle:.1%}", f"{one.blind:.1%}")
    console.print(rows)
    console.print("[dim]oracle: any of the draws is right; blind: the mean draw[/]\n")


def _print_together(console: Screen, data: Benched) -> None:
    together, tasks, often = data.together, data.setting.tasks, data.setting.repeats > 1
    console.print(
        f"any method right{' in the same repeat' * often}: {together.oracle:.1%} {percents(together.oracle_interval)}; "
        f"best single {_name(together.best_single)}: {together.best_single_accuracy:.1%}"
    )
    every, no = ("every run of all solves", "no run") if often else ("all solve", "none")
    only = ", ".join(f"{_name(name)} {len(ids)}" for name, ids in together.only.items() if ids) or "none"
    alone = f"; one alone: {only}" * (len(data.methods) > 1)
    console.print(f"of {tasks} tasks {every} {together.by_all}, {no} {together.by_none}{alone}\n")


def _name(name: str) -> str:
    """A method's or family's name as it fits a table; the report has it in full."""
    return plain(elided(name, LONGEST))
