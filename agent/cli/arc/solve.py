"""`pilotage arc solve`: puzzles of a split, pass after pass, into a folder that survives kill -9."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pilotage.agent.cli.arc.passes import HOTTEST, MAX_TOKENS, STYLES, Passes, for_puzzles, require_fit, run_passes
from pilotage.agent.cli.arc.printing import NAMED, print_score
from pilotage.agent.cli.options import SingleRunOptions, expert, for_tasks, run_limit
from pilotage.agent.cli.terminal import number_of, plain, print_json, screen
from pilotage.agent.errors import UsageError

if TYPE_CHECKING:
    from pilotage.agent.arc.runs import RunResults
    from pilotage.agent.arc.splits import Split
    from pilotage.agent.cli.screen import Screen
    from pilotage.agent.settings import Settings

MOST_VIEWS = 64


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
    start_empty: bool = expert(
        False,
        "--start-empty",
        help="Begin a new memory without the concepts of grids that ship with pilotage.",
    )
    temperature: float | None = expert(
        None, min=0.0, max=HOTTEST, help="Of all that is written. (default: 0, and higher in further passes and draws)"
    )
    repair: bool = expert(
        False, "--repair", help="In further passes go on with the last program, by what it got wrong of the pairs."
    )
    direct: bool = expert(
        True, "--direct/--no-direct", help="Ask for the outputs where nothing came to any. (default: direct)"
    )

    @property
    def passes(self) -> Passes:
        """How the puzzles are gone over."""
        return Passes(self.retries, self.temperature, self.repair, self.direct, self.views)

    def settings(self, **others: Any) -> Settings:
        """The settings that these options give, with the defaults of puzzles where neither they nor a file say more."""
        if self.memory_style is not None and self.memory_style not in STYLES:
            raise UsageError(f"--memory-style {self.memory_style!r:.40} is none: write {' or '.join(STYLES)}")
        if self.memory_style is not None and self.memory in (None, "none"):
            raise UsageError("--memory-style says how a memory is used: give one as --memory DIR")
        style = STYLES[self.memory_style] if self.memory_style is not None else {}
        own = vars(self).keys() - SingleRunOptions.__dataclass_fields__.keys() - {"policy", "memory"}  # of no setting
        return for_puzzles(super().settings(**dict.fromkeys(own), **style, **others))


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
    from pilotage.agent.arc.runs import Asked, begin
    from pilotage.agent.arc.splits import load_split
    from pilotage.agent.arc.tasks import task_of
    from pilotage.agent.cli.arc.live import dollars_by
    from pilotage.agent.cli.assembly import model_of

    console = screen(errors=True, soft_wrap=True)
    settings, how = options.settings(), options.passes
    require_fit(settings)
    settings.budget.require_calls(options.views, f"--views {options.views}")
    puzzles = load_split(split)
    console.print_left_out(puzzles.defects)
    tasks = [task_of(one, puzzles.outputs.get(one.id), options.encoding) for one in puzzles.puzzles]
    model = model_of(settings)
    dollars = dollars_by(options.prices, model.name)
    begin(out, Asked.of(split, puzzles, options.encoding), resume=resume)
    if odd := len({one.id for one in findings(puzzles)}):
        console.print_line(f"{number_of(odd, 'puzzle')} should perhaps not be judged: `pilotage arc check` says why")
    if not options.start_empty:
        start_memory(settings, console)
    run = run_passes(out, tasks, settings, model, how, console, dollars=dollars)
    tell_score(run, puzzles, as_json=as_json)
    if puzzles.defects or run.failed:
        raise typer.Exit(1)


def start_memory(settings: Settings, console: Screen) -> None:
    """Gives a memory that never held anything the shipped concepts, and says so."""
    from pilotage.agent.arc.starting import RUN, begin_with
    from pilotage.agent.cli.assembly import memory_place
    from pilotage.memory import ConceptStore

    if settings.memory == "none":
        return
    with ConceptStore.open(memory_place(settings), embedder=settings.embedder) as store:
        count = begin_with(store)
    if count:
        console.print_line(
            f"the memory starts with {number_of(count, 'concept')} that ship with pilotage; `pilotage memory undo "
            f"--run {RUN}` takes them out, --start-empty leaves them out"
        )


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
