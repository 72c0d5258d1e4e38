"""Passes: puzzles gone over once, and again where no program has solved them; each run of `pilotage arc` is made so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilotage.agent.cli.terminal import number_of
from pilotage.agent.errors import UsageError

if TYPE_CHECKING:
    from pilotage.agent.arc.runs import RunResults
    from pilotage.agent.cli.screen import Screen
    from pilotage.agent.models.client import ModelClient
    from pilotage.agent.settings import Settings
    from pilotage.agent.task import Task

MAX_TOKENS = 30_000
"""Tokens of a puzzle in one pass, where nothing else is said: grids are long, and read with every call."""
HOTTEST = 2.0
STYLES: dict[str, dict[str, Any]] = {
    "concepts": {"memory_selection": "llm", "memory_form": "program"},
    "lessons": {"memory_caption": True, "memory_form": "lesson"},
}
"""The settings of ArcMemo's two memories (Ho et al. 2025, section 3)."""


@dataclass(frozen=True)
class Passes:
    """How puzzles are gone over.

    Attributes:
        retries: passes more over the puzzles that no program solved on all training pairs.
        temperature: of all that is written in every pass; None for 0 at first, a higher one in further passes, and
            that of the block for its draws.
        repairs: whether a further pass goes on with the program of the one before; else it begins anew.
        asks: whether outputs are asked for where nothing came to any.
    """

    retries: int = 0
    temperature: float | None = None
    repairs: bool = False
    asks: bool = True

    def __post_init__(self) -> None:
        if self.temperature is not None and not 0 <= self.temperature <= HOTTEST:
            raise UsageError(f"a temperature is between 0 and {HOTTEST:g}, not {self.temperature:g}")

    @property
    def conditions(self) -> dict[str, Any]:
        """What answers depend on, for the file of a pass; what is usual is left out, as older files do not tell it."""
        usual = Passes()
        names = ("temperature", "repairs", "asks")
        return {name: getattr(self, name) for name in names if getattr(self, name) != getattr(usual, name)}


def for_puzzles(given: Settings) -> Settings:
    """Settings with the defaults of puzzles where nobody said more."""
    defaults = {"policy": "arc", "memory": "none", "max_tokens": MAX_TOKENS}
    return given.model_copy(update={k: v for k, v in defaults.items() if k not in given.model_fields_set})


def require_fit(settings: Settings) -> None:
    """Raises UsageError for what puzzles cannot be solved by, before anything is kept or paid."""
    from pilotage.agent.arc.blocks import registry
    from pilotage.agent.arc.routing import NAME
    from pilotage.agent.routing.observation import Observer
    from pilotage.agent.routing.policies import policy_for
    from pilotage.agent.strategies.method import is_strategy

    if settings.sandbox == "subprocess":
        raise UsageError(
            "puzzles are not solved in the sandbox mode `subprocess`: a program could read there what their tests "
            "become. Use bubblewrap, or none to solve without programs"
        )
    if is_strategy(settings.policy) or settings.policy in ("llm", "experience"):
        raise UsageError(
            f"{settings.policy!r:.80} cannot solve puzzles: use arc, default, one-bit, fixed:..., or a .toml"
        )
    if settings.policy != NAME:
        blocks = registry()
        policy_for(settings.policy, blocks.actions, Observer(blocks, settings.observation).spec, effort=settings.effort)


def run_passes(
    out: Path, tasks: Sequence[Task], settings: Settings, model: ModelClient, how: Passes, console: Screen
) -> RunResults:
    """Solves what is not solved yet of a run that was begun in a folder; what all passes came to."""
    from pilotage.agent.arc.runs import RunResults

    for number in range(how.retries + 1):
        before = RunResults(out, before=number)
        if waiting := [task for task in tasks if not before.is_solved(task.id)]:
            _solve_pass(number, waiting, before, settings, model, how, console)
    return RunResults(out)


def _solve_pass(
    number: int,
    tasks: list[Task],
    before: RunResults,
    settings: Settings,
    model: ModelClient,
    how: Passes,
    console: Screen,
) -> None:
    """One pass over the puzzles that wait for it, with a seed of its own; a further one draws what it asks."""
    from pilotage.agent.arc.blocks import AGAIN, registry
    from pilotage.agent.arc.routing import NAME, arc_policy
    from pilotage.agent.arc.runs import pass_file
    from pilotage.agent.cli.assembly import assemble
    from pilotage.agent.cli.solve.batch import Batch, open_results
    from pilotage.agent.sandbox import open_sandbox
    from pilotage.agent.sandbox.packages import numpy

    settings = settings.model_copy(update={"seed": settings.seed + number})
    blocks: dict[str, Any] = {"temperature": AGAIN if number else 0.0}
    if how.temperature is not None:
        blocks = {"temperature": how.temperature, "drawn_at": how.temperature}
    others: dict[str, Any] = {
        "policy": arc_policy() if settings.policy == NAME else settings.policy,
        "registry": registry(**blocks, earlier=before.programs() if number and how.repairs else None, asks=how.asks),
        "sandbox": open_sandbox(settings.sandbox, packages=numpy()) or "none",
    }
    with open_results(pass_file(before.folder, number), settings, model, resume=True, **how.conditions) as results:
        batch = Batch(tasks, None, settings, results, console, as_json=False)
        batch.regrade()
        if batch.waiting:
            if number:
                console.print(f"pass {number + 1}: {number_of(len(tasks), 'puzzle')} that no program has solved")
            with assemble(settings, model=model, **others) as agent:
                batch.solve(agent)
