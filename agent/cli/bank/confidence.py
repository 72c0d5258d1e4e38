"""`pilotage bank confidence`: how well it can be said that an answer is right, and the model that says so in a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pilotage.agent.cli.command import Output
from pilotage.agent.cli.options import A_SEED, BANK, FORCE, LEAVE_OUT, ONLY, cost_weight, expert, families
from pilotage.agent.cli.outputs import file_to_write, keep
from pilotage.agent.cli.terminal import plain, table

if TYPE_CHECKING:
    from pilotage.agent.cli.screen import Screen
    from pilotage.navigator.confidence.figures import Figure
    from pilotage.navigator.confidence.fit import Unit
    from pilotage.navigator.confidence.judge import Judged
    from pilotage.navigator.confidence.model import ConfidenceModel


def confidence(
    bank: Path = BANK,
    out: Path | None = typer.Option(None, help="File to write the model to, JSON; fitted to all that is kept."),
    policy: list[str] | None = typer.Option(
        None, metavar="P", help="Judge the answers that it stops with, too; repeatable. (default: linear)"
    ),
    only: list[str] | None = ONLY,
    leave_out: list[str] | None = LEAVE_OUT,
    judge: Path | None = typer.Option(None, metavar="FILE", help="Judge this model, on tasks it did not learn from."),
    cost_weight: float = cost_weight(0.1),
    bootstrap: int = expert(2_000, min=100, max=100_000, help="Draws for the intervals."),
    seed: int = expert(0, min=0, callback=A_SEED, help="Of the folds."),
    force: bool = FORCE,
) -> Output:
    """How well the rightness of an answer is known before it is graded; with --out, the model that tells it in a run.

    Every figure is of tasks, or of families, that the model was not fitted to.
    """
    from pilotage.navigator.bank.bank import Bank
    from pilotage.navigator.confidence.file import read_model, write_model
    from pilotage.navigator.confidence.fit import fit_confidence
    from pilotage.navigator.confidence.judge import judge_confidence, judge_model

    opened = Bank.open(bank).of_families(*families(only, leave_out))
    if out is not None:
        file_to_write(out)
        keep(out, force)
    units: list[Unit] = ["tasks", "families"] if len(opened.families) > 1 else ["tasks"]
    if judge is not None:
        judged = [judge_model(opened, read_model(judge), resamples=bootstrap)]
    else:
        options: dict[str, Any] = {"cost_weight": cost_weight, "resamples": bootstrap, "seed": seed}
        policies = ["linear"] if policy is None else policy
        judged = [one for unit in units for one in judge_confidence(opened, unit, policies, **options)]
    model = None if out is None else fit_confidence(opened, units[-1], seed=seed)
    if out is not None and model is not None:
        write_model(out, model)

    def show(console: Screen) -> None:
        console.print(f"[bold]{plain(opened.path.name)}[/]  {plain(opened.meta.model)}, {len(opened.tasks)} tasks")
        for one in judged:
            print_confidence(console, one)
        if model is not None:
            console.print_line(f"[dim]{_of(model)}, written to {plain(out)}[/]")

    data = {"tasks": len(opened.tasks), "families": list(opened.families), "judged": [one.to_json() for one in judged]}
    return Output(data, show)


def _of(model: ConfidenceModel) -> str:
    features, kind = len(model.observations), model.calibrator.kind
    return f"{features} features, penalty {model.ridge:g}, calibration {kind}"


def print_confidence(console: Screen, judged: Judged) -> None:
    """A table of the methods, and one of the surest answers."""
    where = judged.where if " " in judged.where else f"where {judged.where} stops"
    held = f", by what other {judged.held_out} taught" if judged.held_out else ""
    console.print(f"\n[bold]{plain(where)}[/]{plain(held)}; {judged.tasks} tasks")
    rows = table("who says so", right=("off by", "chance", "Brier", "log loss", "AUC", "surest half"))
    for name, one in judged.figures.items():
        rows.add_row(
            plain(name),
            _points(one.ece),
            f"{100 * one.ece_by_chance:.1f}",
            f"{one.brier.value:.3f}",
            f"{one.log_loss.value:.3f}",
            f"{one.auc.value:.2f}",
            _points(one.surest_half, 0),
        )
    console.print(rows)
    sure = table("confidence from", right=("of all answers", "right"))
    whole = judged.figures["confidence"]
    sure.add_row("0", "100", _points(whole.right, 0))
    for above in whole.above:
        sure.add_row(f"{above.threshold:g}", _points(above.share, 0), _points(above.right, 0))
    console.print(sure)


def _points(figure: Figure, digits: int = 1) -> str:
    low, high = figure.interval
    if figure.value != figure.value:  # no answer is that sure
        return "-"
    return f"{100 * figure.value:.{digits}f} ({100 * low:.{digits}f}–{100 * high:.{digits}f})"
