"""`pilotage arc collect`: records reasoning trees of puzzles into a bank; the same command goes on where it stopped."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pilotage.agent.cli.arc.passes import MAX_TOKENS, require_walls
from pilotage.agent.cli.bank.collect import MAX_SECONDS, Sitting, StudyOptions, any_policy
from pilotage.agent.cli.options import LIMIT_MINUTES, SingleRunOptions, expert, run_limit
from pilotage.agent.cli.outputs import folder_to_write
from pilotage.agent.cli.terminal import screen

if TYPE_CHECKING:
    from pilotage.agent.settings import Settings


@dataclass(frozen=True)
class ArcCollectOptions(SingleRunOptions):
    """The settings that `pilotage arc collect` can be given."""

    max_tokens: int | None = run_limit(None, help=f"Tokens of a puzzle. (default: {MAX_TOKENS})")
    max_seconds: float = run_limit(MAX_SECONDS, help="Seconds of a run.")
    encoding: str = expert("spaced", metavar="NAME", help="How grids are written: spaced, digits, json, or words.")

    def settings(self, **others: Any) -> Settings:
        """The settings that these options give; a memory has no part in a recording."""
        given = super().settings(encoding=None, memory="none", learn=False, **others)
        return given if "max_tokens" in given.model_fields_set else given.model_copy(update={"max_tokens": MAX_TOKENS})


@dataclass(frozen=True)
class ArcStudyOptions(StudyOptions):
    """What is recorded of each puzzle."""

    plan: str | None = typer.Option(
        None, help="Nodes of every puzzle: 'look/program; reason; ...', or none. (default: arc, as the policy goes)"
    )
    max_depth: int | None = typer.Option(None, min=1, max=31, help="Blocks in a row at most. (default: 7)")


def collect(
    split: str = typer.Option(..., "--split", metavar="SPLIT", help="The puzzles, as for `arc check`."),
    out: Path = typer.Option(..., help="Folder of the bank; an existing one is added to."),
    *,
    study: ArcStudyOptions,
    run: ArcCollectOptions,
    limit_minutes: float | None = LIMIT_MINUTES,
    as_json: bool = typer.Option(False, "--json", help="Print a JSON summary at the end."),
) -> None:
    """Record reasoning trees of puzzles: what each block leads to, and the official score of stopping there."""
    from pilotage.agent.arc.banks.recording import DEPTH, PLAN, assigned, puzzle_bank
    from pilotage.agent.arc.blocks import registry
    from pilotage.agent.arc.splits import load_split
    from pilotage.agent.cli.assembly import assemble
    from pilotage.agent.sandbox import open_sandbox
    from pilotage.agent.sandbox.packages import numpy

    settings = any_policy(run.settings())
    require_walls(settings)
    puzzles = load_split(split)
    tasks = list(assigned(puzzles, run.encoding))
    folder_to_write(out)
    sitting = Sitting(out, screen(errors=True, soft_wrap=True), settings.concurrency, limit_minutes, as_json)
    others: dict[str, Any] = {
        "registry": registry(),
        "sandbox": open_sandbox(settings.sandbox, packages=numpy()) or "none",
    }
    opens = partial(puzzle_bank, encoding=run.encoding)
    with sitting.interruptible(), assemble(settings, **others) as agent:
        sitting.record(tasks, puzzles.defects, agent.components, study, opens, plan=PLAN, depth=DEPTH)
