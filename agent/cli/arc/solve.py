"""`pilotage arc solve`: puzzles of a split, pass after pass, into a folder that survives kill -9."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pilotage.agent.cli.arc.printing import NAMED, print_score
from pilotage.agent.cli.options import SingleRunOptions, expert, for_tasks, run_limit
from pilotage.agent.cli.terminal import number_of, plain, print_json, screen
from pilotage.agent.errors import UsageError

if TYPE_CHECKING:
    from pilotage.agent.arc.runs import RunResults
    from pilotage.agent.arc.splits import Split
    from pilotage.agent.cli.arc.live import Live
    from pilotage.agent.cli.screen import Screen
    from pilotage.agent.models.client import ModelClient
    from pilotage.agent.settings import Settings
    from pilotage.agent.task import Task

MAX_TOKENS = 30_000
"""Tokens of a puzzle in one pass, where nothing else is said: grids are long, and read with every call."""

MOST_VIEWS = 64

STYLES: dict[str, dict[str, Any]] = {
    "concepts": {"memory_selection": "llm", "memory_form": "program"},
    "lessons": {"memory_caption": True, "memory_form": "lesson"},
}
"""The settings of ArcMemo's two memories (Ho et al. 2025, section 3)."""


@dataclass(frozen=True)
class ArcOptions(SingleRunOptions):
    """How puzzles are solved."""

    max_tokens: int | None = run_limit(None, help=f"Tokens of a puzzle in one pass. (default: {MAX_TOKENS})")
    policy: str | None = typer.Option(
        None,
        help="arc (look, program, repair, draw again, write down), or a policy of `pilotage solve`. (default: arc)",
    )
    memory: str | None = typer.Option(None, help="Memory folder to recall from and learn into. (default: none)")
    memory_style: str | None = typer.Option(
        None,
        metavar="concepts|lessons",
        help="As ArcMemo's two memories: programs, of which the model selects; or lessons in words, found by a caption "
        "of the puzzle. Both cost calls. (default: programs, found without a call)",
    )
    retries: int = for_tasks(
        0, min=0, max=20, help="Passes more over the puzzles that no program solved on all training pairs."
    )
    views: int = for_tasks(
        1,
        min=1,
        max=MOST_VIEWS,
        help="Views of a puzzle that outputs are written down from once its programs have failed, turned and in other "
        "colours: a call each, and they vote.",
    )
    encoding: str = expert("spaced", metavar="NAME", help="How grids are written: spaced, digits, json, or words.")
    prices: Path | None = for_tasks(None, help="Prices (TOML), a table for each model. (default: as the model tells)")

    def settings(self, **others: Any) -> Settings:
        """The settings that these options give, with the defaults of puzzles where neither they nor a file say more."""
        if self.memory_style is not None and self.memory_style not in STYLES:
            raise UsageError(f"--memory-style {self.memory_style!r:.40} is none: write {' or '.join(STYLES)}")
        if self.memory_style is not None and self.memory in (None, "none"):
            raise UsageError("--memory-style says how a memory is used: give one as --memory DIR")
        style = STYLES[self.memory_style] if self.memory_style is not None else {}
        given = super().settings(
            retries=None, views=None, encoding=None, prices=None, memory_style=None, **style, **others
        )
        defaults = {"policy": "arc", "memory": "none", "max_tokens": MAX_TOKENS}
        return given.model_copy(update={k: v for k, v in defaults.items() if k not in given.model_fields_set})


def solve(
    split: str = typer.Option(..., "--split", metavar="SPLIT", help="The puzzles, as for `arc check`."),
    out: Path = typer.Option(..., metavar="RUN", help="Folder of the run."),
    resume: bool = for_tasks(False, "--resume", help="Go on with the run in --out."),
    *,
    options: ArcOptions,
    as_json: bool = typer.Option(False, "--json", help="Print the score as JSON."),
) -> None:
    """Solve the puzzles of a split: two attempts at each test, and the official score where the outputs are known."""
    from pilotage.agent.arc.checks import findings
    from pilotage.agent.arc.runs import Asked, RunResults, begin
    from pilotage.agent.arc.splits import load_split
    from pilotage.agent.arc.tasks import task_of
    from pilotage.agent.cli.arc.live import Live, dollars_by
    from pilotage.agent.cli.assembly import model_of

    console = screen(errors=True, soft_wrap=True)
    settings = options.settings()
    _require_fit(settings)
    settings.budget.require_calls(options.views, f"--views {options.views}")
    puzzles = load_split(split)
    console.print_left_out(puzzles.defects)
    tasks = [task_of(one, puzzles.outputs.get(one.id), options.encoding) for one in puzzles.puzzles]
    model = model_of(settings)
    dollars = dollars_by(options.prices, model.name)
    begin(out, Asked.of(split, puzzles, options.encoding), resume=resume)
    if odd := len({one.id for one in findings(puzzles)}):
        console.print_line(f"{number_of(odd, 'puzzle')} should perhaps not be judged: `pilotage arc check` says why")
    for number in range(options.retries + 1):
        run = RunResults(out)
        waiting = [task for task in tasks if not run.is_solved(task.id, before=number)]
        if waiting:
            live = Live.of(run, dollars)
            _solve_pass(number, waiting, out, settings, model, console, live, views=options.views)
    run = RunResults(out)
    tell_score(run, puzzles, as_json=as_json)
    if puzzles.defects or run.failed:
        raise typer.Exit(1)


def _require_fit(settings: Settings) -> None:
    """Raises UsageError for what puzzles cannot be solved by, before anything is kept or paid."""
    from pilotage.agent.arc.blocks import registry
    from pilotage.agent.arc.routing import NAME
    from pilotage.agent.routing.observation import Observer
    from pilotage.agent.routing.policies import policy_for
    from pilotage.agent.strategies.method import is_strategy

    require_isolation(settings)
    if is_strategy(settings.policy) or settings.policy in ("llm", "experience"):
        raise UsageError(
            f"{settings.policy!r:.80} cannot solve puzzles: use arc, default, one-bit, fixed:..., or a .toml"
        )
    if settings.policy != NAME:
        blocks = registry()
        policy_for(settings.policy, blocks.actions, Observer(blocks, settings.observation).spec, effort=settings.effort)


def require_isolation(settings: Settings) -> None:
    """Raises UsageError for a sandbox in which a program could read what tests become."""
    if settings.sandbox == "subprocess":
        raise UsageError(
            "puzzles are not solved in the sandbox mode `subprocess`: a program could read there what their tests "
            "become. Use bubblewrap, or none to solve without programs"
        )


def _solve_pass(
    number: int,
    tasks: list[Task],
    out: Path,
    settings: Settings,
    model: ModelClient,
    console: Screen,
    live: Live,
    *,
    views: int,
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
    others: dict[str, Any] = {
        "policy": arc_policy() if settings.policy == NAME else settings.policy,
        "registry": registry(AGAIN if number else 0.0, views),
        "sandbox": open_sandbox(settings.sandbox, packages=numpy()) or "none",
    }
    with open_results(pass_file(out, number), settings, model, resume=True, views=views) as results:
        batch = Batch(
            tasks, None, settings, results, console, as_json=False, live=partial(live.telling, console, number)
        )
        batch.regrade()
        if batch.waiting:
            if number:
                console.print(f"pass {number + 1}: {number_of(len(tasks), 'puzzle')} that no program has solved")
            with assemble(settings, model=model, **others) as agent:
                batch.solve(agent)


def tell_score(run: RunResults, split: Split, *, as_json: bool) -> None:
    """Prints the official score of a run as far as it has come, and what it took."""
    from pilotage.agent.arc.scoring import score_split

    console, answers, spent = screen(), run.answers(split), run.spent()
    tokens = sum(one.prompt_tokens + one.completion_tokens for one in spent.values())
    unknown = [puzzle.id for puzzle in split.puzzles if puzzle.id not in split.outputs]
    score = None if unknown else score_split(split, answers)
    if as_json:
        data = {"split": split.name, "run": str(run.folder), "attempted": len(answers), "tokens": tokens}
        data |= {"failed": list(run.failed), "left_out": [vars(defect) for defect in split.defects]}
        print_json(data if score is None else data | score.to_json())
        return
    console.print_line(f"[bold]{plain(split.name)}[/]  {number_of(len(answers), 'puzzle')} attempted")
    if score is None:
        console.print(f"nothing is scored: {number_of(len(unknown), 'puzzle')} without known outputs")
    else:
        print_score(console, score)
    if run.failed:
        console.print_line(
            f"[red]not solved[/] {plain(', '.join(run.failed[:NAMED]))}: the same command tries them again"
        )
    console.print(f"{tokens:,} tokens, {tokens / max(1, len(answers)):,.0f} a puzzle")
