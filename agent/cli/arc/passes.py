"""Passes: puzzles gone over once, and again where no program has solved them; each run of `pilotage arc` is made so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilotage.agent.cli.terminal import number_of
from pilotage.agent.errors import UsageError

if TYPE_CHECKING:
    from pilotage.agent.arc.runs import RunResults
    from pilotage.agent.cli.arc.live import Live
    from pilotage.agent.cli.screen import Screen
    from pilotage.agent.models.client import ModelClient
    from pilotage.agent.settings import Settings
    from pilotage.agent.task import Task
    from pilotage.agent.trace import Usage

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
        views: of a puzzle, from which outputs are written down.
    """

    retries: int = 0
    temperature: float | None = None
    repairs: bool = False
    asks: bool = True
    views: int = 1

    def __post_init__(self) -> None:
        if self.temperature is not None and not 0 <= self.temperature <= HOTTEST:
            raise UsageError(f"a temperature is between 0 and {HOTTEST:g}, not {self.temperature:g}")

    @property
    def conditions(self) -> dict[str, Any]:
        """What answers depend on, for the file of a pass."""
        return {name: getattr(self, name) for name in ("temperature", "repairs", "asks", "views")}


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

    require_walls(settings)
    if is_strategy(settings.policy) or settings.policy in ("llm", "experience"):
        raise UsageError(
            f"{settings.policy!r:.80} cannot solve puzzles: use arc, default, one-bit, fixed:..., or a .toml"
        )
    if settings.policy != NAME:
        blocks = registry()
        policy_for(settings.policy, blocks.actions, Observer(blocks, settings.observation).spec, effort=settings.effort)


def require_walls(settings: Settings) -> None:
    """Raises UsageError for a sandbox in which a program could read what tests become."""
    if settings.sandbox == "subprocess":
        raise UsageError(
            "puzzles are not solved in the sandbox mode `subprocess`: a program could read there what their tests "
            "become. Use bubblewrap, or none to solve without programs"
        )


def run_passes(
    out: Path,
    tasks: Sequence[Task],
    settings: Settings,
    model: ModelClient,
    how: Passes,
    console: Screen,
    *,
    dollars: Callable[[Usage], float] | None = None,
) -> RunResults:
    """Solves what is not solved yet of a run that was begun in a folder; what all passes came to.

    `dollars` tells what a usage costs; by default as the model's endpoint does.
    """
    from pilotage.agent.arc.runs import RunResults
    from pilotage.agent.cli.arc.live import Live, dollars_by

    dollars = dollars or dollars_by(None, model.name)

    for number in range(how.retries + 1):
        before = RunResults(out, before=number)
        if waiting := [task for task in tasks if not before.is_solved(task.id)]:
            _solve_pass(number, waiting, before, settings, model, how, console, Live.of(RunResults(out), dollars))
    return RunResults(out)


def _solve_pass(
    number: int,
    tasks: list[Task],
    before: RunResults,
    settings: Settings,
    model: ModelClient,
    how: Passes,
    console: Screen,
    live: Live,
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
    blocks: dict[str, Any] = {"temperature": AGAIN if number else 0.0, "asks": how.asks, "views": how.views}
    if how.temperature is not None:
        blocks |= {"temperature": how.temperature, "drawn_at": how.temperature}
    if number and how.repairs:
        blocks["earlier"] = before.programs()
    others: dict[str, Any] = {
        "policy": arc_policy() if settings.policy == NAME else settings.policy,
        "registry": registry(**blocks),
        "sandbox": open_sandbox(settings.sandbox, packages=numpy()) or "none",
    }
    with open_results(pass_file(before.folder, number), settings, model, resume=True, **how.conditions) as results:
        telling = partial(live.telling, console, number)
        batch = Batch(tasks, None, settings, results, console, as_json=False, live=telling)
        batch.regrade()
        if batch.waiting:
            if number:
                console.print(f"pass {number + 1}: {number_of(len(tasks), 'puzzle')} that no program has solved")
            with assemble(settings, model=model, **others) as agent:
                batch.solve(agent)
