"""`pilotage bank grade`: what the candidate of every node scores, so that a choice among candidates can be judged."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pilotage.agent.cli.command import Output
from pilotage.agent.cli.options import BANK, GRADING_SANDBOX, MAP, RECORDED_TASKS
from pilotage.agent.cli.terminal import counting, interruptible, plain, screen

if TYPE_CHECKING:
    from pilotage.agent.banks.grading import Graded


def grade(
    bank: Path = BANK,
    tasks: list[str] = RECORDED_TASKS,
    fields: str | None = MAP,
    sandbox: str = GRADING_SANDBOX,
) -> Output:
    """Score the candidate of every node by its task's grader; no model is asked. The same command scores the rest."""
    from pilotage.agent.banks.grading import grade_bank
    from pilotage.agent.banks.sources import mixed
    from pilotage.agent.sandbox import open_sandbox
    from pilotage.agent.tasks.fields import mapping
    from pilotage.navigator.bank.bank import Bank
    from pilotage.navigator.bank.reader import read_meta
    from pilotage.navigator.bank.writer import BankWriter

    meta = read_meta(bank)
    kept = f"interrupted; the scores so far are kept in {bank}; the same command grades the rest"
    with interruptible(lambda: kept):
        given = {each.task.id: each.task for each in mixed(tasks, fields=mapping(fields))[0]}
        with BankWriter(bank, meta) as writer, counting(screen(errors=True), "grading") as show:

            def on_task(so_far: Graded) -> None:
                show(so_far.known + so_far.new, so_far.candidates)

            opened = Bank.open(bank)
            graded = asyncio.run(grade_bank(opened, writer, given, open_sandbox(sandbox), on_task=on_task))
    text = (
        f"{graded.new} of {graded.candidates} candidates graded in {graded.tasks} tasks, {graded.right:g} right; "
        f"{graded.known} had a score before: {plain(bank)}"
    )
    return Output({"bank": str(bank), **asdict(graded)}, text)
