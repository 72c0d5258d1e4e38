"""The sections of the report after the findings: what each shows in words, its figure and its tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pilotage.navigator.evaluation.schema import BEST_FIXED, Evaluation
from pilotage.navigator.report import tables
from pilotage.navigator.report.findings import Verdict, comparison, focus, is_significant, verdict
from pilotage.navigator.report.tables import Table
from pilotage.navigator.report.wording import counted, elided, listed, named, number, percent, percent_between


@dataclass(frozen=True)
class Section:
    """One section of the page.

    Attributes:
        name: of its figure and its anchor.
        title: its heading.
        sentences: the first one stands before the figure; only one where there is no data.
        how: how to read the figure.
        tables: the numbers behind it.
    """

    name: str
    title: str
    sentences: list[str]
    how: str = ""
    tables: tuple[Table, ...] = ()


def sections(data: Evaluation, drawn: Mapping[str, object]) -> list[Section]:
    """All sections, in order.

    Args:
        data: the evaluation.
        drawn: figures by name; a section without data has none.
    """
    made = [part(data) for part in (_frontier, _comparisons, _families, _routes, _transfer, _calibration, _curves)]
    return [
        one if one.name in drawn or one.tables else Section(one.name, one.title, [_ABSENT[one.name]]) for one in made
    ]


_ABSENT = {
    "comparisons": "The evaluation compares no two policies.",
    "families": "The evaluation has no scores by family.",
    "route-map": "The evaluation has no routes.",
    "transfer": "Transfer to families or banks outside training was not evaluated.",
    "calibration": "No policy of the evaluation predicts success, so there is no calibration.",
    "learning-curves": "The evaluation has no learning curves: nothing was trained in it, or no curve was kept.",
}


def _frontier(data: Evaluation) -> Section:
    lines = [named(line.policy) for line in data.frontier if len(line.points) > 1]
    joined = f"Lines join several settings of one policy or method: {listed(lines)}."
    how = "Crosses are 95% intervals. Filled: learned; hollow: baselines; star: the oracle, which sees the answers."
    if {line.policy for line in data.frontier if len(line.points) == 1} - {one.name for one in data.policies}:
        how += " Small grey points are fixed sequences; a dotted line joins those that no other beats in both."
    sentences = [
        "Up and to the left is better: more right answers for fewer tokens.",
        joined if lines else "Every policy was evaluated at one setting only, so there is no line.",
    ]
    return Section("frontier", "Accuracy and cost", sentences, how, tables.frontier(data))


def _comparisons(data: Evaluation) -> Section:
    n, chosen = len(data.comparisons), focus(data).name
    sure = sum(map(is_significant, data.comparisons))
    sentences = [f"{counted(n, 'comparison')} on the same tasks, of which {_of(sure, n)} significant after correction."]
    others = {
        BEST_FIXED,
        *(policy.name for policy in data.policies if policy.kind == "oracle"),
    }  # an oracle is no rival
    sentences += [_power(data)] if any(one.power for one in data.comparisons) else []
    sentences += [comparison(one) for one in data.comparisons if one.policy == chosen and one.against not in others]
    how = (
        "Bars are 95% intervals; those of significant differences are heavy, and their figures bold. p is McNemar's "
        "or, where scores are expectations, of sign flips, after Holm's correction. Right: tokens as a multiple of "
        "the opponent's."
    )
    return Section("comparisons", "Comparisons", sentences, how, tables.comparisons(data))


def _power(data: Evaluation) -> str:
    """What the tasks can show of each comparison, in one sentence."""
    powers = [one.power for one in data.comparisons if one.power is not None]
    least = sorted(one.smallest for one in powers if one.smallest is not None)
    needed = sorted(one.tasks_for_6_points for one in powers)
    between = percent_between((least[0], least[-1])).removesuffix("%") if least else ""
    shown = f"differences of {between} points, by comparison" if least else "no difference"
    few = len(powers) - len(least)
    none = f", and in {few} of {len(powers)} none, since too few tasks differ" if least and few else ""
    level = f"{powers[0].level:.2g}"
    return (
        f"At p < {level}, the first step of Holm's correction, these tasks show with 80% power {shown}{none}; 6 points "
        f"take {needed[0]:,} to {needed[-1]:,} tasks."
    )


def _of(some: int, n: int) -> str:
    if n == 1:
        return "it is" if some else "it is not"
    return "none is" if not some else f"{some} is" if some == 1 else f"{some} are"


def _families(data: Evaluation) -> Section:
    sizes = sorted(family.tasks for family in data.families) or [0]
    between = f"{sizes[0]} to {sizes[-1]} tasks" if sizes[0] < sizes[-1] else counted(sizes[0], "task")
    sentence = f"A cell rests on {between}: read patterns, not single cells."
    sentences = [sentence]
    if data.room is not None:
        roomy = [named(name) for name in data.room.families]
        sentences.append(
            f"Room for a router, where on a task to learn from some sequence scores more than the best fixed one: "
            f"{listed(roomy)} ({counted(data.room.tasks, 'task')})."
            if roomy
            else "On no task to learn from does any sequence score more than the best fixed one: no family leaves room."
        )
    how = "Families from the easiest down, by mean accuracy over the policies."
    return Section("families", "Families", sentences, how, tables.families(data))


def _routes(data: Evaluation) -> Section:
    known = {one.policy: one for one in reversed(data.routes) if one.family is None and one.edges}
    shown = known.get(focus(data).name) or next(reversed(known.values()), None)
    sentence = "Which block follows which."
    if shown is not None:
        first = sorted((edge for edge in shown.edges if edge.source == "start"), key=lambda edge: -edge.share)[:3]
        starts = [f"{elided(edge.to, 30)} ({percent(min(1.0, edge.share), 0)})" for edge in first if edge.share >= 0.01]
        if starts:
            sentence = f"What {named(shown.policy)} runs first, by share of tasks: {listed(starts)}."
    how = "An arrow is as wide as tasks take it often, in expectation; under 0.02 times a task it is left out."
    return Section("route-map", "Routes", [sentence], how, tables.moves(shown) + tables.uses(data))


def _transfer(data: Evaluation) -> Section:
    sentences = []
    for name in dict.fromkeys(one.policy for one in data.transfer):
        for kind, where in (("family", "families"), ("bank", "banks")):
            verdicts = [verdict(one.interval, None) for one in data.transfer if (one.policy, one.kind) == (name, kind)]
            if verdicts:
                sentences.append(f"{named(name)}, on {where} outside its training: {_tally(verdicts)}.")
    if sentences:
        sentences.append("Each interval is by itself, without correction for their number.")
    return Section("transfer", "Transfer", sentences, "", tables.transfer(data))


def _tally(verdicts: list[Verdict]) -> str:
    if len(verdicts) == 1:
        words = {"more": "more accurate than", "less": "less accurate than", "same": "not significantly different from"}
        return f"{words[verdicts[0]]} the best fixed sequence"
    return (
        f"more accurate than the best fixed sequence on {verdicts.count('more')} of {len(verdicts)}, less accurate on "
        f"{verdicts.count('less')}, not significantly different on {verdicts.count('same')}"
    )


def _calibration(data: Evaluation) -> Section:
    known = [(one.name, one.calibration) for one in data.policies if one.calibration and one.calibration.bins]
    off = [f"{named(name)} {number(100 * calibration.ece, 1)}" for name, calibration in known]
    sentence = f"Predictions of success are off, on average and in points, by: {listed(off)}."
    how = (
        "On the dashed line, predictions come true. Bars are 95% binomial intervals (Wilson), with runs of several "
        "seeds on a task counted once. ECE: mean distance to the line. Brier: mean squared error. Best is 0."
    )
    return Section("calibration", "Calibration", [sentence], how)


def _curves(data: Evaluation) -> Section:
    ends = []
    for name in dict.fromkeys(curve.policy for curve in data.curves):
        last = [curve.accuracy[-1] for curve in data.curves if curve.policy == name and curve.accuracy]
        if last:
            reached = percent_between((min(last), max(last))) if len(last) > 1 else percent(last[0])
            ends.append(f"{named(name)} {reached} ({counted(len(last), 'run')})")
    how = "Scores on the validation tasks during training. Thin lines: trainings; thick lines: their means."
    return Section("learning-curves", "Learning curves", [f"Right at the end of training: {listed(ends)}."], how)
