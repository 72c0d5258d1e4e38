"""Seeding: a memory learns from programs that people wrote for puzzles, as it does from those of a model.

A program is run on the training pairs first, and teaches where it has them all right, so that a seed is held to what
every other lesson is. The model is asked for words about it alone, and no test output has a part in it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilotage.agent.arc.blocks.answer import Answer
from pilotage.agent.arc.blocks.steps import tried
from pilotage.agent.arc.puzzle import Puzzle
from pilotage.agent.arc.splits import Split
from pilotage.agent.arc.tasks import task_of
from pilotage.agent.blocks import Registry
from pilotage.agent.blocks.base import Block
from pilotage.agent.errors import UsageError
from pilotage.agent.kit import Kit
from pilotage.agent.runner import ReasoningAgent
from pilotage.agent.sandbox import Sandbox, open_sandbox
from pilotage.agent.sandbox.packages import numpy
from pilotage.agent.state import State
from pilotage.agent.trace import Step, Usage
from pilotage.common.files import read_ordinary

if TYPE_CHECKING:
    from pilotage.agent.learning.learning import Form
    from pilotage.agent.models.client import ModelClient
    from pilotage.memory import ConceptStore

POLICY = "fixed:program,answer"
COUNTED = {"prompt_tokens", "completion_tokens", "llm_calls"}


class Given(Block):
    """Runs a program that was written for the puzzle by somebody. No LLM call.

    Args:
        programs: by the ids of their puzzles.
        as_text: whether a program stands for what was said of the rule, too, for a lesson to be written from.
    """

    name = "program"

    def __init__(self, programs: Mapping[str, str], *, as_text: bool = False) -> None:
        self._programs, self._as_text = programs, as_text

    def applicable(self, state: State) -> bool:
        """Whether there is one, which was not run yet."""
        return state.task.id in self._programs and not state.trace.steps

    async def run(self, state: State, kit: Kit) -> Step:
        """What it makes of the pairs and tests."""
        source = self._programs[state.task.id]
        step = kit.step(self.name, [], **await tried(state, kit, source))
        return step.model_copy(update={"text": source}) if self._as_text else step


@dataclass(frozen=True)
class Seeded:
    """What came of one program.

    Attributes:
        id: of its puzzle.
        learned: ids of the concepts that it added or confirmed.
        failed: why it taught nothing, where it is wrong on a pair or cannot be run; None where it is right.
        usage: what the words about it took.
    """

    id: str
    learned: tuple[str, ...]
    failed: str | None
    usage: Usage = Usage()

    def to_json(self) -> dict[str, Any]:
        """As commands print it."""
        return vars(self) | {"usage": self.usage.model_dump(mode="json", include=COUNTED)}


def programs_in(folder: Path) -> dict[str, str]:
    """The programs of a folder by the ids of their puzzles: `ID.py`, each with a function `transform(grid)`.

    Raises:
        UsageError: there is none, or one cannot be read.
    """
    try:
        files = sorted(folder.glob("*.py"))
        found = {file.stem: read_ordinary(file).decode() for file in files}
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"the programs in {folder} cannot be read ({why.lower()})") from error
    if not found:
        raise UsageError(f"{folder} has no program: name them ID.py, each with a function `transform(grid)`")
    return found


def require_isolation(sandbox: str) -> Sandbox:
    """A sandbox that isolates programs; raises UsageError where there is none."""
    runs = open_sandbox(sandbox, packages=numpy())
    if runs is None or runs.mode == "subprocess":
        raise UsageError(
            "programs of puzzles are run in isolation or not at all: `pilotage doctor` says what that needs"
        )
    return runs


def run_of(puzzle: Puzzle) -> str:
    """Id of the run that seeds from a puzzle's program, by which a memory knows that it did."""
    return f"seed/{puzzle.content}"


async def seeded(
    split: Split,
    programs: Mapping[str, str],
    store: ConceptStore,
    model: ModelClient,
    *,
    sandbox: str = "auto",
    form: Form = "program",
) -> AsyncIterator[Seeded]:
    """Has a memory learn from programs, one puzzle of the split after the other; those without one are left out.

    Args:
        split: the puzzles that programs are for.
        programs: sources by the ids of their puzzles.
        store: learns.
        model: is asked for words.
        sandbox: isolates programs.
        form: what is kept, the `program`, or a `lesson` in words.

    Raises:
        UsageError: nothing isolates programs here.
        PilotageError: the model cannot be asked; what was learned so far is kept.
    """
    runs = require_isolation(sandbox)
    registry = Registry((Given(programs, as_text=form == "lesson"), Answer()))
    async with ReasoningAgent(
        model, policy=POLICY, registry=registry, sandbox=runs, memory=store, memory_form=form
    ) as agent:
        for puzzle in split.puzzles:
            if puzzle.id in programs:
                run = await agent.asolve(task_of(puzzle), run_id=run_of(puzzle))
                step = run.trace.steps[0]
                failed = None if run.verified else step.evidence.error or step.result.partition("\n")[0]
                yield Seeded(puzzle.id, run.learned, failed, run.usage)
