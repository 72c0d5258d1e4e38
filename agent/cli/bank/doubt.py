"""`pilotage bank doubt`: when a second route is worth its tokens behind a program, fitted to a model's bank."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pilotage.agent.cli.command import Output
from pilotage.agent.cli.options import BANK, FORCE, LEAVE_OUT, ONLY, cost_weight, families
from pilotage.agent.cli.outputs import file_to_write, keep
from pilotage.agent.cli.terminal import plain, table
from pilotage.agent.errors import UsageError
from pilotage.common import files

if TYPE_CHECKING:
    from pilotage.agent.cli.screen import Screen
    from pilotage.navigator.bank.bank import Bank
    from pilotage.navigator.policies.rules.cascade import Doubt
    from pilotage.navigator.training.algorithms.cascade import SecondRoutes

HEADS = {
    "same answer": "agree",
    "program right": "program",
    "reasoning right": "reason",
    "both": "both",
    "neither": "neither",
    "no second answer": "silent",
}


def doubt(
    bank: Path = BANK,
    out: Path | None = typer.Option(None, help="Rule file to write, TOML; give it to --policy."),
    only: list[str] | None = ONLY,
    leave_out: list[str] | None = LEAVE_OUT,
    shipped: bool = typer.Option(False, "--shipped", help="Look at the doubt of the default policy; fit none."),
    cost_weight: float = cost_weight(0.1),
    force: bool = FORCE,
) -> Output:
    """From which log-probabilities on a program is unsure, so that reasoning behind it is worth its tokens.

    How good a policy that is, on tasks that it was not fitted to, tells `pilotage evaluate --policy cascade`.
    """
    from pilotage.navigator.bank.bank import Bank
    from pilotage.navigator.policies.rules.default import shipped_doubt
    from pilotage.navigator.training.algorithms.cascade import fit_doubt, second_routes

    if shipped and out is not None:
        raise UsageError("--shipped fits nothing, so there is nothing to write: leave --out or --shipped out")
    opened = Bank.open(bank).of_families(*families(only, leave_out))
    if out is not None:
        file_to_write(out)
        keep(out, force)
    fitted = shipped_doubt() if shipped else fit_doubt(opened, cost_weight=cost_weight)
    if fitted is None:
        raise UsageError(
            f"{bank} has no program with log-probabilities behind which reasoning was recorded: record it with "
            "`pilotage collect --plan draws`"
        )
    sure, unsure = second_routes(opened, fitted)
    if out is not None:
        files.replace(out, rule_file(fitted, opened).encode())

    def show(console: Screen) -> None:
        console.print(f"[bold]{plain(opened.path.name)}[/]  {plain(opened.meta.model)}, {len(opened.tasks)} tasks")
        console.print(f"\na program is unsure {said(fitted)}")
        print_routes(console, sure, unsure)
        if out is not None:
            console.print_line(f"[dim]written to {plain(out)}[/]")

    data = {
        "tasks": len(opened.tasks),
        "mean": _finite(fitted.mean),
        "least": _finite(fitted.least),
        "sure": asdict(sure),
        "unsure": asdict(unsure),
    }
    return Output(data, show)


def _finite(bound: float) -> float | None:
    return None if math.isinf(bound) else bound


def said(fitted: Doubt) -> str:
    """A doubt in words."""
    bounds = (("the mean log-probability of its tokens is", fitted.mean), ("one of them is", fitted.least))
    return ", or ".join(f"where {what} below {bound:g}" for what, bound in bounds if not math.isinf(bound)) or "nowhere"


def print_routes(console: Screen, sure: SecondRoutes, unsure: SecondRoutes) -> None:
    """What reasoning said behind programs, as a table."""
    rows = table(
        "the program", right=("tasks", *HEADS), title="answers of a program, and reasoning from the task alone"
    )
    for name, one in (("was sure", sure), ("was unsure", unsure)):
        counts = asdict(one)
        rows.add_row(name, str(sum(counts.values())), *(str(counts[key]) for key in HEADS.values()))
    console.print()
    console.print(rows)


def rule_file(fitted: Doubt, bank: Bank) -> str:
    """The cascade with this doubt as a rule file, which says what it was fitted to."""
    from pilotage.navigator.policies.rules.cascade import UNKNOWN
    from pilotage.navigator.policies.rules.rule_policy import SHORT_QUESTION

    kinds = ", ".join(f'kind_{kind} = "== 0"' for kind in ("numeric", "choice", "text", "program", "grid"))
    material = ", ".join(f'{name} = "== 0"' for name in ("candidates", "numbers", "quoted", "examples"))
    short = (
        f'kind_text = "== 1", {material}, lines = "<= 1", sentences = "<= 1", prompt_length = "< {SHORT_QUESTION:g}"'
    )
    first = 'leader_executed = "== 1", count_reason = "== 0"'
    bounds = {"leader_mean_logprob": fitted.mean, "leader_min_logprob": fitted.least}
    rules = [
        ("answer", "a request to reply to", kinds),
        ("answer", "a short question with nothing to compute", short),
        ("program", "nothing was computed yet", 'candidates = "== 0", count_program = "== 0"'),
        ("reason", "the program gave no answer", 'candidates = "== 0", count_reason = "== 0"'),
        ("answer", "nothing tells how sure the program was", f'{first}, leader_mean_logprob = "<= {UNKNOWN:g}"'),
        *(
            ("reason", "the program was unsure of itself", f'{first}, {feature} = "< {bound:g}"')
            for feature, bound in bounds.items()
            if not math.isinf(bound)
        ),
    ]
    head = (
        "# A cascade: a program, and reasoning where it gives no answer or was unsure.\n"
        "# The default policy has rules for tasks with worked examples besides.\n"
    )
    told = "".join(f'\n[[rule]]\ndo = "{do}"\nwhy = "{why}"\nwhen = {{ {when} }}\n' for do, why, when in rules)
    marks = "".join(f"  {toml_string(mark)},\n" for mark in sorted(bank.identifiers(bank.tasks)))
    return f"{head}{told}\n[fitted]\nmodel = {toml_string(bank.meta.model)}\ntasks = [\n{marks}]\n"


def toml_string(text: str) -> str:
    """A text as TOML writes it, in one line."""
    return json.dumps(text).replace("\x7f", "\\u007f")  # the one control character that JSON leaves as it is
