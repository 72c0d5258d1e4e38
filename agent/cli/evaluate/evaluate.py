"""`pilotage evaluate` and `pilotage report`: policies side by side on tasks of a bank that they did not learn from."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pilotage.agent.cli.command import Output
from pilotage.agent.cli.options import (
    A_SEED,
    BOOTSTRAP,
    FORCE,
    HYPER,
    IN_SAMPLE,
    STEPS,
    cost_weight,
    expert,
    hyperparameters,
    names,
    shares,
)
from pilotage.agent.cli.outputs import folder_to_write, keep, write_json
from pilotage.agent.cli.terminal import interruptible, plain, progress, screen
from pilotage.agent.errors import UsageError

if TYPE_CHECKING:
    from pilotage.agent.cli.screen import Screen
    from pilotage.navigator.evaluation import Evaluation
    from pilotage.navigator.policies.policy import Policy

RESULT = "evaluation.json"


def evaluate(
    bank: Path = typer.Option(..., help="Folder of a recorded bank."),
    policy: list[str] | None = typer.Option(
        None,
        metavar="P",
        help="default, rules, one-bit, vote:3, agree:2, random, best-fixed, best-fixed-per-family, always:BLOCK, "
        "fixed:BLOCK,..., "
        "nearest, linear, an algorithm of `train`, rlot, random-matched:P, oracle, a policy file, or "
        "epsilon=0.1:P; repeatable. (default: the usual ones)",
    ),
    against: list[str] | None = typer.Option(
        None, metavar="P", help="Compare all with it; repeatable. (default: best-fixed)"
    ),
    cost_weight: float = cost_weight(0.1),
    out: Path | None = typer.Option(
        None, help="Folder for the report, figures, JSON and networks; a stopped run goes on there."
    ),
    folds: int = typer.Option(5, min=2, help="Each is judged by what was learned from the others."),
    seeds: int = typer.Option(5, min=1, help="Trainings of each learned policy in each fold."),
    jobs: int = typer.Option(1, min=1, help="Trainings at once, each in a process of its own."),
    part: str | None = expert(None, help="Judge one part of a single split instead, `test` say, by the other parts."),
    parts: str = expert(
        "train=0.6,validation=0.2,test=0.2", metavar="NAME=SHARE,...", help="That split, as for train."
    ),
    split_seed: int = expert(0, min=0, callback=A_SEED, help="Of the folds or the split."),
    only: str | None = expert(None, metavar="FAMILY,...", help="Judge these alone, by what all others teach."),
    leave_out: str | None = expert(
        None, metavar="FAMILY,...", help="Neither judge these nor learn from them, nor read them."
    ),
    efforts: str = expert(
        "0,0.25,0.5,0.75,1", metavar="E,...", help="Settings of the frontier, 0 to 1; none leaves it out."
    ),
    retrain: bool = expert(
        False, "--retrain", help="Also train networks without an effort input anew for each setting."
    ),
    tried: list[str] | None = expert(
        None, metavar="N|NAME", help="Further variants looked at: p is adjusted for them; repeatable."
    ),
    transfer: int = expert(0, metavar="GROUPS", help="Hold groups of families out in turn; 0 leaves it out."),
    other_bank: Path | None = expert(None, help="Another model's bank, to judge what was learned on this one."),
    steps: int | None = STEPS,
    hyper: list[str] | None = HYPER,
    bootstrap: int = BOOTSTRAP,
    in_sample: bool = IN_SAMPLE,
    force: bool = FORCE,
) -> Output:
    """Compare policies on a bank: accuracy and tokens on held-out tasks, with intervals and tests. No LLM call."""
    from pilotage.agent.cli.evaluate.printing import print_evaluation
    from pilotage.agent.routing.policies import policy_for
    from pilotage.navigator.bank.bank import Bank
    from pilotage.navigator.evaluation import Protocol
    from pilotage.navigator.evaluation import evaluate as run

    opened = Bank.open(bank)
    if out is not None:
        folder_to_write(out)
        keep(out / RESULT, force)
    plan: dict[str, Any] = {"steps": steps} if steps is not None else {}
    plan |= {"hyper": hyperparameters(hyper)} if hyper else {}
    more, named = _tried(tried or [])
    protocol = Protocol(
        folds, part, shares(parts), split_seed, seeds, cost_weight, _numbers(efforts), retrain, transfer, bootstrap,
        plan=plan, jobs=jobs, in_sample=in_sample, only=names(only), leave_out=names(leave_out),
        tried=more, tried_names=named,
    )  # fmt: skip

    def resolve(name: str) -> Policy | None:
        return policy_for(name, opened.actions, opened.observations) if name.endswith(".toml") else None

    console = screen(errors=True)
    with interruptible(lambda: _kept(out)), _shown(console) as shown:
        evaluation = run(
            opened,
            policy,
            protocol,
            against=against or (),
            other=other_bank,
            work=out / "networks" if out is not None else None,
            resolve=resolve,
            **shown,
        )
    if out is not None:
        _write(console, evaluation, out)
    return Output(evaluation.to_json(), lambda console: print_evaluation(console, evaluation))


def _kept(out: Path | None) -> str:
    if out is None:
        return "interrupted; nothing is kept, since no --out was given"
    return f"interrupted; the networks trained so far are kept in {out}; the same command goes on from there"


def _write(console: Screen, evaluation: Evaluation, out: Path) -> None:
    """The numbers first, so that they are there whatever becomes of the figures."""
    from pilotage.common.files import replace
    from pilotage.navigator.errors import NavigatorError

    content = evaluation.to_json()
    write_json(out / RESULT, content)
    replace(out / "outcomes.csv", evaluation.outcomes_csv().encode())
    try:
        from pilotage.navigator.report import write_report

        page = write_report(content, out)[0]
    except NavigatorError as error:
        console.print_line(f"the numbers are in {plain(out / RESULT)}; there is no report: {plain(error)}")
    else:
        console.print_line(f"written to {plain(page)}")


@contextmanager
def _shown(console: Screen) -> Iterator[dict[str, Any]]:
    """Progress with the time left, as arguments of `evaluate`; without a terminal a line now and then."""
    clock = _Clock()
    with progress(console, "starting", "{task.percentage:>3.0f}%", left=True, transient=True) as update:

        def report(done: int, total: int, what: str) -> None:
            update(total=total, completed=done, description=what)
            if (sentence := clock.tell(done, total)) and not console.is_terminal:
                console.print(f"{sentence}; {plain(what)}")

        yield {"on_progress": report, "notify": lambda what: update(total=None, description=what)}


class _Clock:
    """Says how far a round of trainings is, each time that another tenth is done."""

    def __init__(self) -> None:
        self._begun, self._first, self._said = time.monotonic(), 0, -1

    def tell(self, done: int, total: int) -> str | None:
        """A sentence with the time left at this round's pace; None where there was one a short while ago."""
        tenth = 10 * done // total
        if self._said < 0 or tenth < self._said:  # another round begins
            self._begun, self._first, self._said = time.monotonic(), done, tenth
            return f"{done} of {total} parts of the trainings are done"
        if tenth == self._said:
            return None
        self._said = tenth
        seconds = (time.monotonic() - self._begun) * (total - done) / max(done - self._first, 1)
        return f"{done / total:.0%} of the trainings are done, about {seconds / 60:.0f} min left"


def _numbers(given: str) -> tuple[float, ...]:
    if given.strip() in ("", "none"):
        return ()
    try:
        return tuple(dict.fromkeys(float(one) for one in given.split(",")))
    except ValueError:
        raise UsageError(f"--efforts {given!r} are no numbers from 0 to 1; write --efforts 0,0.5,1, or none") from None


def _tried(given: list[str]) -> tuple[int, tuple[str, ...]]:
    """How many variants were tried without a name, and those that have one. Raises UsageError for what is neither."""
    for one in map(str.strip, given):
        if not one or (re.fullmatch(r"[-+.,]*\d[-+\d.,_e\s]*", one, re.I) and not one.isdecimal()):
            raise UsageError(f"--tried {one!r:.80} is no number of variants and no name: write --tried 20, or a name")
    counts = [int(one) for one in given if one.strip().isdecimal()]
    return sum(counts), names(",".join(one for one in given if not one.strip().isdecimal()))


def report(
    evaluation: Path = typer.Argument(..., metavar="FILE", help="The evaluation.json of `pilotage evaluate`."),
    out: Path = typer.Option(..., metavar="FOLDER", help="Where to write; made where it is not there."),
    force: bool = FORCE,
) -> Output:
    """Make the HTML report and the figures of an evaluation anew. The same file gives the same bytes."""
    from pilotage.navigator.errors import NavigatorError
    from pilotage.navigator.report import read_evaluation, write_report

    content = read_evaluation(evaluation)
    folder_to_write(out)
    try:
        is_its_own = read_evaluation(out / RESULT) == content
    except NavigatorError:
        is_its_own = False
    if not is_its_own:  # a report of this same evaluation may be made anew
        keep(out / "report.html", force)
    written = write_report(content, out)
    return Output([str(path) for path in written], f"{len(written)} files written; open {plain(written[0])}")
