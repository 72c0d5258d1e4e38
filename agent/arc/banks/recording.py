"""Recording: puzzles as a bank takes them, the plan of their trees, and the header that covers what they are asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pilotage.agent.arc import encodings, tasks
from pilotage.agent.arc.blocks import steps
from pilotage.agent.arc.splits import Split
from pilotage.agent.banks.meta import recorded_in
from pilotage.agent.banks.sources import Assigned
from pilotage.agent.components import Components
from pilotage.agent.errors import UsageError
from pilotage.navigator.bank.records import TaskHeader
from pilotage.navigator.bank.writer import BankWriter

PLAN = (
    "look/program/reflect/reflect/sample/sample/reason; look/program/sample; look/program/reason; look/reason/verify; "
    "program/reflect; program/verify; reason/sample; plan/program"
)
"""The way of the policy `arc`, whole, with others that leave it early or begin elsewhere. It has no conditions: what a
repair or a further draw is for shows in the mask. About fifteen paid calls of a puzzle that no program solves."""
DEPTH = 7
"""Blocks in a row of that way, the answer not counted."""


def assigned(split: Split, encoding: str) -> Iterator[Assigned]:
    """The puzzles of a split as tasks, each with the header that a bank gives it: its id and its split, and no grid.

    Raises:
        UsageError: there is no such encoding.
    """
    name = split.name.partition(";")[0]
    family = name if ":" in name else Path(name).stem
    for puzzle in split.puzzles:
        task = tasks.task_of(puzzle, split.outputs.get(puzzle.id), encoding)
        yield Assigned(task, TaskHeader(task.id, family, task.kind, f"arc:{family}"))


def puzzle_bank(folder: Path, components: Components, *, encoding: str, temperature: float) -> BankWriter:
    """The bank of puzzles that these components record, new or as an earlier sitting left it.

    Its prompt hash covers the notations, what a program is told of its mistakes, and what a puzzle is introduced by.

    Raises:
        BankError: the folder holds a bank of other settings, or another process writes to it.
        UsageError: it was recorded with a sandbox or in an encoding, and these components have none, or another.
    """
    writer = recorded_in(folder, components, (encodings, steps, tasks), temperature=temperature, encoding=encoding)
    if (before := writer.meta.extras.get("encoding")) != encoding:
        writer.close()
        raise UsageError(
            f"the bank has its grids as {before}: record with --encoding {before}, or choose another --out"
        )
    return writer
