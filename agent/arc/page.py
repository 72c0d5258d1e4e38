"""The page of a run: its score, and each puzzle with its attempts, what is right, and what the blocks did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pilotage.agent.arc.drawing import rows_of, svg
from pilotage.agent.arc.puzzle import Puzzle
from pilotage.agent.arc.runs import Result, RunResults
from pilotage.agent.arc.scoring import Share, SplitScore, score_split
from pilotage.agent.arc.splits import Split
from pilotage.agent.trace import Evidence
from pilotage.navigator.report.page import rendered
from pilotage.navigator.report.tables import Table

HEAD = ("puzzle", "route", "verified", "tests solved", "passes", "tokens")


def page(run: RunResults, split: Split) -> str:
    """The page as HTML, which asks for nothing from outside. Whatever a model wrote is escaped."""
    from markupsafe import Markup

    answers = run.answers(split)
    score = score_split(split, answers) if len(split.outputs) == len(split.puzzles) else None
    spent = run.spent()
    tokens = sum(one.prompt_tokens + one.completion_tokens for one in spent.values())
    puzzles = [
        {
            "id": puzzle.id,
            "anchor": f"puzzle-{number}",
            "summary": _summary(puzzle, run, score),
            "picture": Markup(svg(rows_of(puzzle, split.outputs.get(puzzle.id), answers.get(puzzle.id)))),
            "steps": list(_steps(run.lines(puzzle.id))),
        }
        for number, puzzle in enumerate(split.puzzles)
    ]
    return rendered(
        "arc.html",
        {},
        [],
        "pilotage.agent.arc",
        title=split.name,
        facts=[f"{len(split.puzzles)} puzzles", *run.models, f"{tokens:,} tokens", f"grids as {run.asked.encoding}"],
        headline=_headline(score, len(answers), len(split.puzzles)),
        overview=_overview(run, split, score),
        puzzles=puzzles,
    )


def _headline(score: SplitScore | None, attempted: int, puzzles: int) -> list[str]:
    worked_on = f"{attempted} of {puzzles} puzzles were worked on; one that was not counts zero."
    if score is None:
        return ["What the tests become is not known here, so nothing is scored.", worked_on]
    every, solved = score.tests
    return [
        f"Officially {_percent(score.official)}: the share of each puzzle's tests that one of two attempts solves.",
        f"Strictly {_percent(score.strict)}; by first attempts alone {_percent(score.first)}.",
        f"{solved} of {every} tests are solved. {worked_on}",
    ]


def _percent(share: Share) -> str:
    low, high = share.interval
    return f"{share.value:.1%} (95% interval {low:.1%} to {high:.1%})"


def _overview(run: RunResults, split: Split, score: SplitScore | None) -> Table:
    rows = []
    for puzzle in split.puzzles:
        lines = run.lines(puzzle.id)
        if not lines:
            rows.append((puzzle.id, "", "", "0" if score else "", "0", "0"))
            continue
        solved = "" if score is None else f"{sum(score.puzzles[puzzle.id].solved)} of {len(puzzle.tests)}"
        usage = [line.usage.total_tokens for line in lines]
        verified = "yes" if run.is_solved(puzzle.id) else "no"
        rows.append((puzzle.id, " → ".join(lines[-1].route), verified, solved, str(len(lines)), f"{sum(usage):,}"))
    return Table(HEAD, tuple(rows), words=3)


def _summary(puzzle: Puzzle, run: RunResults, score: SplitScore | None) -> str:
    lines = run.lines(puzzle.id)
    if not lines:
        return "It was not worked on."
    program = "A program" if run.is_solved(puzzle.id) else "No program"
    told = f"{program} has all training pairs right."
    return told if score is None else f"{sum(score.puzzles[puzzle.id].solved)} of {len(puzzle.tests)} solved. {told}"


@dataclass(frozen=True)
class StepShown:
    """A step of a pass, as the page shows it."""

    title: str
    program: str
    result: str


def _steps(lines: list[Result]) -> Iterator[StepShown]:
    for number, line in enumerate(lines, 1):
        for step in line.steps:
            if step.program or step.result:
                told = _told(step.evidence)
                title = f"{step.block}{f' (pass {number})' if len(lines) > 1 else ''}{f': {told}' if told else ''}"
                yield StepShown(title, step.program or "", step.result)


def _told(evidence: Evidence) -> str:
    if evidence.error:
        return evidence.error
    share = evidence.examples_passed
    return "" if share is None else f"{share:.0%} of the training pairs"
