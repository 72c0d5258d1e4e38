"""The sections of the report after the findings: what each shows in words, its figure and its tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pilotage.navigator.evaluation.schema import Evaluation, Transfer
from pilotage.navigator.report import tables
from pilotage.navigator.report.findings import BEST_FIXED, comparison, focus, verdict
from pilotage.navigator.report.tables import Table
from pilotage.navigator.report.wording import counted, elided, listed, named, number, percent, percent_between


@dataclass(frozen=True)
class Section:
    """One section of the page.

    Attributes:
        name: of its figure and its anchor.
        title: its heading.
        said: sentences, the first of which stands before the figure; only one where there is no data.
        how: how to read the figure.
        shown: tables.
    """

    name: str
    title: str
    said: tuple[str, ...]
    how: str = ""
    shown: tuple[Table, ...] = ()


def sections(data: Evaluation, drawn: Mapping[str, object]) -> list[Section]:
    """All sections, in order.

    Args:
        data: the evaluation.
        drawn: figures by name; a section without data has none.
    """
    made = [_frontier(data), _comparisons(data), _families(data)]
    made += [_routes(data), _transfer(data), _calibration(data), _curves(data)]
    return [one if one.name in drawn or one.shown else _absent(one) for one in made]


_ABSENT = {
    "comparisons": "The evaluation compares no two policies.",
    "families": "The evaluation has no scores by family.",
    "route-map": "The evaluation has no routes.",
    "transfer": "Transfer to families or banks outside training was not evaluated.",
    "calibration": "No policy of the evaluation predicts success, so there is no calibration.",
    "learning-curves": "The evaluation has no learning curves: nothing was trained in it, or no curve was kept.",
}


def _absent(section: Section) -> Section:
    return Section(section.name, section.title, (_ABSENT[section.name],))


def _frontier(data: Evaluation) -> Section:
    lines = [line.policy for line in data.frontier if len(line.points) > 1]
    said = ["Up and to the left is better: more right answers for fewer tokens."]
    if lines:
        said.append(f"Lines join several settings of one policy or method: {listed([named(one) for one in lines])}.")
    else:
        said.append("Every policy was evaluated at one setting only, so there is no line.")
    how = "Crosses are 95% intervals. Filled: learned; hollow: baselines; star: the oracle, which sees the answers."
    single = {line.policy for line in data.frontier if len(line.points) == 1} - {one.name for one in data.policies}
    if single:
        how += " Small grey points are fixed sequences; a dotted line joins those that no other beats in both."
    return Section("frontier", "Accuracy and cost", tuple(said), how, _some(tables.frontier(data)))


def _comparisons(data: Evaluation) -> Section:
    n = len(data.comparisons)
    sure = sum(verdict(one.interval, one.holm_p) in ("more", "less") for one in data.comparisons)
    said = [f"{counted(n, 'comparison')} on the same tasks, of which {_of(sure, n)} significant after correction."]
    chosen = focus(data).name
    told = {BEST_FIXED, *(policy.name for policy in data.policies if policy.kind == "oracle")}  # an oracle is no rival
    said += [comparison(one) for one in data.comparisons if one.policy == chosen and one.against not in told]
    how = (
        "Bars are 95% intervals; those of significant differences are heavy, and their figures bold. p is McNemar's, "
        "after Holm's correction. Right: tokens as a multiple of the opponent's."
    )
    return Section("comparisons", "Comparisons", tuple(said), how, _some(tables.comparisons(data)))


def _of(some: int, n: int) -> str:
    if n == 1:
        return "it is" if some else "it is not"
    return "none is" if not some else f"{some} is" if some == 1 else f"{some} are"


def _families(data: Evaluation) -> Section:
    sizes = sorted(family.tasks for family in data.families)
    names = list(dict.fromkeys(name for family in data.families for name in family.policies))
    said = []
    if sizes:
        between = f"{sizes[0]} to {sizes[-1]} tasks" if sizes[0] < sizes[-1] else counted(sizes[0], "task")
        said.append(f"A cell rests on {between}: read patterns, not single cells.")
    how = "Families from the easiest down, by mean accuracy over the policies."
    return Section("families", "Families", tuple(said), how, _some(tables.families(data, names)))


def _routes(data: Evaluation) -> Section:
    known = [one for one in data.routes if one.family is None and one.edges]
    chosen = focus(data).name
    shown = next((one for one in known if one.policy == chosen), known[0] if known else None)
    said = []
    if shown is not None:
        first = sorted((edge for edge in shown.edges if edge.source == "start"), key=lambda edge: -edge.share)[:3]
        starts = [f"{elided(edge.to, 30)} ({percent(min(1.0, edge.share), 0)})" for edge in first if edge.share >= 0.01]
        if starts:
            said.append(f"What {named(shown.policy)} runs first, by share of tasks: {listed(starts)}.")
    said = said or ["Which block follows which."]
    how = "An arrow is as wide as tasks take it often, in expectation; under 0.02 times a task it is left out."
    return Section("route-map", "Routes", tuple(said), how, _some(tables.moves(shown), tables.uses(data)))


def _transfer(data: Evaluation) -> Section:
    said = []
    for name in dict.fromkeys(one.policy for one in data.transfer):
        own = [one for one in data.transfer if one.policy == name]
        for kind, where in (("family", "families"), ("bank", "banks")):
            some = [one for one in own if one.kind == kind]
            if some:
                said.append(f"{named(name)}, on {where} outside its training: {_tally(some)}.")
    if said:
        said.append("Each interval is by itself, without correction for their number.")
    return Section("transfer", "Transfer", tuple(said), "", _some(tables.transfer(data)))


def _tally(some: list[Transfer]) -> str:
    counts = {"more": 0, "less": 0, "same": 0}
    for one in some:
        counts[verdict(one.interval, None)] += 1
    if len(some) == 1:
        words = {"more": "more accurate than", "less": "less accurate than", "same": "not significantly different from"}
        return f"{words[next(kind for kind, n in counts.items() if n)]} the best fixed sequence"
    return (
        f"more accurate than the best fixed sequence on {counts['more']} of {len(some)}, less accurate on "
        f"{counts['less']}, not significantly different on {counts['same']}"
    )


def _calibration(data: Evaluation) -> Section:
    off = [
        f"{named(policy.name)} {number(100 * policy.calibration.ece, 1)}"
        for policy in data.policies
        if policy.calibration is not None and policy.calibration.bins
    ]
    said = [f"Predictions of success are off, on average and in points, by: {listed(off)}."]
    how = (
        "On the dashed line, predictions come true. Bars are 95% binomial intervals (Wilson), with runs of several "
        "seeds on a task counted once. ECE: mean distance to the line. Brier: mean squared error. Best is 0."
    )
    return Section("calibration", "Calibration", tuple(said), how)


def _curves(data: Evaluation) -> Section:
    ends = []
    for name in dict.fromkeys(curve.policy for curve in data.curves):
        last = [curve.accuracy[-1] for curve in data.curves if curve.policy == name and curve.accuracy]
        if len(last) > 1:
            ends.append(f"{named(name)} {percent_between((min(last), max(last)))} ({len(last)} runs)")
        elif last:
            ends.append(f"{named(name)} {percent(last[0])} (1 run)")
    said = [f"Right at the end of training: {listed(ends)}."]
    how = "Scores on the validation tasks during training. Thin lines: trainings; thick lines: their means."
    return Section("learning-curves", "Learning curves", tuple(said), how)


def _some(*given: Table | None) -> tuple[Table, ...]:
    return tuple(table for table in given if table is not None)
