"""`pilotage estimate`: what a policy would have reached, from the results of runs that another policy made."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pilotage.agent.cli.command import Output
from pilotage.agent.cli.options import A_SEED, IN_SAMPLE
from pilotage.agent.cli.terminal import plain, screen, table
from pilotage.agent.errors import UsageError

if TYPE_CHECKING:
    from pilotage.agent.banks.logged import LoggedRuns
    from pilotage.agent.cli.screen import Screen
    from pilotage.navigator.off_policy import Estimates, Figure, Log


ESTIMATED = (
    "the probabilities of the logged decisions are estimates: they hold only as far as the observation tells why the "
    "logging policy chose as it did"
)


def estimate(
    runs: list[Path] = typer.Option(..., help="Results of `pilotage solve --tasks`, JSON Lines. Repeatable."),
    policy: list[str] = typer.Option(..., help="Whom to judge, as in `pilotage solve --policy`. Repeatable."),
    behaviour: str | None = typer.Option(
        None, help="Who made the runs: random, epsilon=0.1:POLICY, or estimated. (default: as each line tells)"
    ),
    effort: str | None = typer.Option(
        None, help="Of default, low, medium or high; or 0 to 1, of trained policies with an effort input."
    ),
    folds: int = typer.Option(5, min=2, help="Parts of the tasks; each is valued by a model of the others."),
    resamples: int = typer.Option(2000, min=100, max=100_000, help="Of the bootstrap over tasks."),
    seed: int = typer.Option(0, min=0, callback=A_SEED, help="Of the parts and the bootstrap."),
    in_sample: bool = IN_SAMPLE,
) -> Output:
    """Judge policies by logged runs, without any LLM call: importance sampling, a model, and both."""
    from pilotage.agent.banks.logged import logged_runs
    from pilotage.agent.routing.policies import policy_for
    from pilotage.navigator.off_policy import estimate as judge

    logged = logged_runs(runs)
    log = _with_behaviour(logged.log, behaviour)
    screen(errors=True).print_left_out(f"{where}: {why}" for where, why in logged.left_out)
    notes = [ESTIMATED] if behaviour == "estimated" else []
    judged = []
    for name in policy:
        target = policy_for(name, log.actions, log.observations, effort=effort)
        judged.append(judge(log, target, folds=folds, resamples=resamples, seed=seed, in_sample=in_sample))
    who = {"policies": list(logged.policies), "model": logged.model, "left_out": len(logged.left_out)}
    return Output(
        {"logged": who, "notes": notes, "policies": [one.to_json() for one in judged]},
        lambda console: _print(console, logged, judged, notes),
    )


def _with_behaviour(log: Log, behaviour: str | None) -> Log:
    from pilotage.agent.routing.policies import policy_for
    from pilotage.navigator.errors import LogError
    from pilotage.navigator.off_policy import estimated_probabilities, probabilities_of

    if behaviour is None:
        if log.behaviour is None:
            raise UsageError(
                "some runs tell no probabilities of their decisions, since their policy always does the same: log with "
                "`pilotage solve --policy epsilon=0.1:POLICY`, or give --behaviour estimated"
            )
        return log
    if behaviour == "estimated":
        return log.with_behaviour(estimated_probabilities(log))
    try:
        return log.with_behaviour(probabilities_of(policy_for(behaviour, log.actions, log.observations), log))
    except LogError as error:
        raise UsageError(f"--behaviour {behaviour} does not fit the runs: {error}") from error


def _print(console: Screen, logged: LoggedRuns, judged: list[Estimates], notes: list[str]) -> None:
    from pilotage.navigator.off_policy import ESTIMATORS, RECOMMENDED_ESTIMATOR

    log = logged.log
    console.print_line(
        f"{len(log)} runs on {len(log.names)} tasks, made by {plain(', '.join(logged.policies))} with "
        f"{plain(logged.model)}"
    )
    for note in notes:
        console.print_line(f"[yellow]note[/] {plain(note)}")
    for one in judged:
        console.print_line(
            f"\n[bold]{plain(one.policy)}[/]: the runs are worth {one.effective_sample_size:.1f} of its own; "
            f"{one.agreeing} of {one.runs} agree, the heaviest weighs {one.largest_weight:.1f}"
        )
        figures = table("estimator", right=("right", "gain, points", "tokens a task", "gain, tokens"))
        for column in figures.columns:
            column.no_wrap = True
        figures.add_row("as logged", _share(one.logged.accuracy), "", _tokens(one.logged.cost), "")
        for name, by in one.by.items():
            gains = _share(by.accuracy_gain, True), _tokens(by.cost_gain, True)
            row = name, _share(by.accuracy), gains[0], _tokens(by.cost), gains[1]
            figures.add_row(*row, style="bold" if name == RECOMMENDED_ESTIMATOR else None)
        console.print(figures)
        for warning in one.warnings:
            console.print_line(f"[yellow]warning[/] {plain(warning)}")
    shown = {name: None for one in judged for name in one.by}
    console.print("\n" + "; ".join(f"{name}: {ESTIMATORS[name]}" for name in shown))


def _share(figure: Figure, signed: bool = False) -> str:
    return _interval(figure, 100, "" if signed else "%", signed)


def _tokens(figure: Figure, signed: bool = False) -> str:
    return _interval(figure, 1000, "", signed)


def _interval(figure: Figure, scale: float, unit: str, signed: bool) -> str:
    if not math.isfinite(figure.value):
        return "unknown"
    sign = "+" if signed else ""
    text = f"{figure.value * scale:{sign},.0f}{unit}"
    if not math.isfinite(figure.low):
        return f"{text} (?)"
    return f"{text} ({figure.low * scale:{sign},.0f} to {figure.high * scale:{sign},.0f})"
