"""An evaluation as people read it on a terminal; 80 columns are enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pilotage.agent.cli.terminal import plain, table

if TYPE_CHECKING:
    from rich.table import Table

    from pilotage.agent.cli.screen import Screen
    from pilotage.navigator.evaluation import Comparison, Evaluation, PolicyFigures


def print_evaluation(console: Screen, evaluation: Evaluation) -> None:
    """What was judged, a table of all policies, what each is worth, seeds, transfer, and what to beware of."""
    protocol, bank = evaluation.protocol, evaluation.bank
    how = f"in {protocol.folds} folds" if protocol.kind == "cross-fit" else f"of the part {protocol.part}"
    how = f"of {', '.join(protocol.only)}" if protocol.only else how
    console.print(
        f"[bold]{plain(bank.name)}[/]  {plain(bank.model or 'unnamed model')}, {bank.tasks} tasks; "
        f"{protocol.tasks} judged {plain(how)}, by what was learned from the others"
    )
    if protocol.leave_out:
        console.print(f"left out, neither read nor learned from: {plain(', '.join(protocol.leave_out))}")
    console.print("intervals are 95%, over tasks; tokens are prompt and completion together, a task\n")
    for number, against in enumerate(protocol.against):
        _print_accuracy(console, evaluation, against, figures=number == 0)
        _print_value(console, evaluation, against)
        _print_certainty(console, evaluation, against)
    _print_seeds(console, evaluation)
    _print_calibration(console, evaluation)
    _print_transfer(console, evaluation)
    for sentence in evaluation.defects:
        console.print(f"[yellow]note[/]  {plain(sentence)}")


def _print_accuracy(console: Screen, evaluation: Evaluation, against: str, figures: bool) -> None:
    pairs = {one.policy: one for one in evaluation.comparisons if one.against == against}
    titles = ["right", "tokens"] if figures else ["tasks"]
    rows = columns("policy", *titles, f"points over {against}", "p")
    for one in evaluation.policies:
        pair = pairs.get(one.name)
        if not figures and pair is None:
            continue
        cells = [_right(one), _tokens(one)] if figures else [str(pair.tasks) if pair else ""]
        rows.add_row(plain(one.name), *cells, *difference(pair))
    console.print(rows)
    if pairs:
        number = evaluation.protocol.adjusted_for
        of_all = "" if number is None else f" for {number} comparison{'s' if number > 1 else ''}"
        console.print(f"[dim]p: exact McNemar test, or sign flips of expected scores; adjusted by Holm{of_all}[/]")
    console.print()


def _print_value(console: Screen, evaluation: Evaluation, against: str) -> None:
    pairs = [one for one in evaluation.comparisons if one.against == against]
    if not pairs:
        return
    gap = any(one.gap_closed is not None for one in pairs)
    rows = columns("policy", f"value over {against}", "times its tokens", *(["gap closed"] if gap else []))
    for one in pairs:
        ratio = (
            "" if one.cost_ratio_interval is None else f"{one.cost_ratio:.2f} {span(one.cost_ratio_interval, '.2f')}"
        )
        gain = f"{one.value_difference:+.3f} {span(one.value_interval, '+.3f')}"
        rows.add_row(plain(one.policy), gain, ratio, *([_closed(one)] if gap else []))
    console.print(rows)
    weight = evaluation.protocol.cost_weight
    console.print(f"[dim]value: share right less {weight:g} for 1,000 tokens; gap: to the oracle, in value[/]\n")


def _print_certainty(console: Screen, evaluation: Evaluation, against: str) -> None:
    """What other families would have given, where there is room, and what so many tasks can show."""
    pairs = [one for one in evaluation.comparisons if one.against == against and one.power is not None]
    if not pairs:
        return
    families, room = any(one.family_interval is not None for one in pairs), evaluation.room
    roomy = room is not None and room.tasks > 0
    titles = ["families anew"] * families + ["with room"] * roomy + ["shows", "6 points need"]
    rows = columns(f"points over {against}", *titles)
    for one in pairs:
        anew = [_points(one.family_interval)] * families
        inside = [_with_room(one)] * roomy
        rows.add_row(plain(one.policy), *anew, *inside, *_power(one))
    console.print(rows)
    level = pairs[0].power.level if pairs[0].power is not None else 0.0
    told = ["families anew: interval over families, and tasks within them"] * families
    if room is not None:
        where = "none" if not roomy else f"{room.tasks} tasks, families: {len(room.families)},"
        told.append(f"room: {where} where, among tasks to learn from, a sequence beats the best fixed")
    told.append(f"shows: points that are found with 80% power at p < {level:.2g}; need: tasks")
    console.print("".join(f"[dim]{line}[/]\n" for line in told))


def _print_seeds(console: Screen, evaluation: Evaluation) -> None:
    several = [one for one in evaluation.policies if one.seeds]
    if not several:
        return
    rows = columns("trained policy", "seeds", "right, from", "to", "middle half")
    for one in several:
        scores = [seed.accuracy for seed in one.seeds]
        middle = "" if one.iqm is None else f"{one.iqm.accuracy:.1%} {percents(one.iqm.interval)}"
        rows.add_row(plain(one.name), str(len(scores)), f"{min(scores):.1%}", f"{max(scores):.1%}", middle)
    console.print(rows)
    console.print("[dim]middle half: interquartile mean over all seeds and tasks, with an interval over seeds[/]\n")


def _print_calibration(console: Screen, evaluation: Evaluation) -> None:
    known = [(one.name, one.calibration) for one in evaluation.policies if one.calibration is not None]
    if not known:
        return
    rows = columns("predicted success", "off by", "Brier score", "runs")
    for name, one in known:
        rows.add_row(plain(name), f"{one.ece:.1%}", f"{one.brier:.3f}", f"{one.n:,.0f}")
    console.print(rows)
    console.print()


def _print_transfer(console: Screen, evaluation: Evaluation) -> None:
    for kind, title in (("family", "unseen families"), ("bank", "another bank")):
        rows = [one for one in evaluation.transfer if one.kind == kind]
        if not rows:
            continue
        shown = columns(title, "right", "tokens", "points over best-fixed")
        for held_out in dict.fromkeys(one.held_out for one in rows):
            here = [one for one in rows if one.held_out == held_out]
            shown.add_row(f"[bold]{plain(held_out)}[/], {here[0].tasks} tasks", "", "", "")
            for one in here:
                gain = f"{100 * one.difference:+.1f} {span([100 * end for end in one.interval], '+.0f')}"
                shown.add_row(f"  {plain(one.policy)}", f"{one.accuracy:.1%}", f"{1000 * one.cost:,.0f}", gain)
        console.print(shown)
        console.print()


def columns(first: str, *others: str) -> Table:
    """A table whose first column is text that may be broken, the others figures."""
    made = table(first, right=others, collapse_padding=True, padding=(0, 2))
    made.columns[0].overflow = "fold"
    return made


def _right(one: PolicyFigures) -> str:
    return "unknown" if one.coverage == 0 else f"{one.accuracy:.1%} {percents(one.accuracy_interval)}"


def _tokens(one: PolicyFigures) -> str:
    if one.coverage == 0:
        return ""
    return f"{1000 * one.cost:,.0f} {span([1000 * end for end in one.cost_interval], ',.0f')}"


def difference(pair: Comparison | None) -> tuple[str, str]:
    """Points over the other with their interval, and the adjusted p-value; empty for none."""
    if pair is None:
        return "", ""
    p = "" if pair.holm_p is None else "<0.001" if pair.holm_p < 0.001 else f"{pair.holm_p:.3f}"
    return f"{100 * pair.difference:+.1f} {span([100 * end for end in pair.interval], '+.0f')}", p


def _points(interval: Any) -> str:
    return "" if interval is None else span([100 * end for end in interval], "+.0f")


def _with_room(pair: Comparison) -> str:
    return (
        "" if pair.with_room is None else f"{100 * pair.with_room.difference:+.1f} {_points(pair.with_room.interval)}"
    )


def _power(pair: Comparison) -> tuple[str, str]:
    if pair.power is None:
        return "", ""
    least = pair.power.smallest
    return "none" if least is None else f"{100 * least:.1f}", f"{pair.power.tasks_for_6_points:,}"


def _closed(pair: Comparison) -> str:
    if pair.gap_closed is None or pair.gap_closed <= 0:
        return "none"
    ends = pair.gap_closed_interval
    return f"{pair.gap_closed:.0%}" + (f" {percents(ends)}" if ends is not None else "")


def percents(interval: Any) -> str:
    """An interval of shares, in percent."""
    return span([100 * end for end in interval], ".0f")


def span(interval: Any, how: str) -> str:
    """An interval in brackets, its ends formatted as told."""
    low, high = interval
    between = " to " if "+" in how else "\N{EN DASH}"
    return f"({low:{how}}{between}{high:{how}})"
