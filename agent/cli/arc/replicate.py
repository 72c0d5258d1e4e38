"""`pilotage arc replicate`: a whole published protocol, every arm and repeat of it, from one TOML file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pilotage.agent.cli.arc.passes import MAX_TOKENS, for_puzzles, require_fit
from pilotage.agent.cli.arc.printing import NAMED, outcome_markdown, print_outcome
from pilotage.agent.cli.options import ModelOptions, for_tasks, run_limit
from pilotage.agent.cli.terminal import number_of, plain, print_json, screen
from pilotage.agent.errors import UsageError

if TYPE_CHECKING:
    from pilotage.agent.arc.protocol.protocol import Protocol
    from pilotage.agent.arc.splits import Split

FORMAT = 1
PROTOCOL, RESULTS, TABLE = "protocol.json", "results.json", "results.md"
"""Files of a replication: what was asked, and what it came to, for programs and for people."""


@dataclass(frozen=True)
class ReplicateOptions(ModelOptions):
    """The model and its limits; the protocol states everything else."""

    max_tokens: int | None = run_limit(None, help=f"Tokens of a puzzle in one pass. (default: {MAX_TOKENS})")


def replicate(
    protocol: str = typer.Argument(..., metavar="NAME|FILE.toml", help="arcmemo, or a protocol of your own."),
    out: Path = typer.Option(..., metavar="FOLDER", help="Folder of all runs and of the table."),
    resume: bool = for_tasks(False, "--resume", help="Go on with what is in --out."),
    limit: int | None = for_tasks(None, min=1, help="The first N puzzles only."),
    ids: str | None = typer.Option(
        None, metavar="FILE|ID,...", help="Judge these puzzles, in place of those that the protocol draws."
    ),
    seed_from: str | None = typer.Option(
        None, metavar="FOLDER", help="Programs ID.py, or a memory, that seeded arms begin with."
    ),
    *,
    options: ReplicateOptions,
    as_json: bool = typer.Option(False, "--json", help="Print the outcome as JSON."),
) -> None:
    """Run a published protocol: every arm and repeat, resumed after a kill, and one table of what they come to."""
    from pilotage.agent.arc.checks import findings
    from pilotage.agent.arc.protocol.outcome import outcome
    from pilotage.agent.arc.protocol.protocol import NOTHING, read_protocol
    from pilotage.agent.arc.protocol.seed import read_seed, require_apart, require_embedder
    from pilotage.agent.arc.scoring import score_split
    from pilotage.agent.arc.seeding import require_isolation
    from pilotage.agent.arc.splits import absolute, load_split
    from pilotage.agent.cli.arc.arms import Sitting
    from pilotage.agent.cli.assembly import model_of
    from pilotage.agent.cli.solve.batch import identified

    console = screen(errors=True, soft_wrap=True)
    followed = _changed(read_protocol(protocol), ids, seed_from)
    followed.require_something_to_recall()
    settings = for_puzzles(options.settings()).model_copy(update={"policy": followed.solving.policy})
    require_fit(settings)
    spec = followed.puzzles.spec(limit)
    judged = load_split(spec)
    console.print_left_out(judged.defects)
    score_split(judged, {})  # raises where outputs are not known, before anything is paid
    seed = read_seed(followed.seed)
    require_apart(seed, judged)
    if any(arm.memory != NOTHING for arm in followed.arm):
        require_embedder(seed, settings.embedder)
    require_isolation(settings.sandbox)
    model = model_of(settings)
    sitting = Sitting(followed, absolute(spec), judged, seed, out, settings, model, console)
    _begin(out, followed, judged, identified(model), resume=resume)
    if odd := len({one.id for one in findings(judged)}):
        console.print_line(f"{number_of(odd, 'puzzle')} should perhaps not be judged: `pilotage arc check` says why")
    if seed.split is None and seed.memory is None and any(arm.seeded for arm in followed.arm):
        console.print_line("nothing seeds the memories of seeded arms, so they begin without: --seed-from gives a seed")
    seeded = sitting.seed_memories()
    failed: dict[str, list[str]] = {}
    for number in followed.repeats.seeds:
        for arm in followed.arm:
            console.print_line(f"[bold]{plain(arm.name)}[/], seed {number}")
            if vain := sitting.run(arm, number).failed:
                failed[f"{arm.folder}/seed-{number}"] = list(vain)
    runs = {arm.name: [sitting.folder(arm, number) for number in followed.repeats.seeds] for arm in followed.arm}
    found = outcome(judged, runs, followed.solving.retries)
    data = {
        "protocol": protocol,
        "about": followed.about,
        "split": judged.name,
        "model": model.name,
        "stated": followed.model_dump(mode="json"),
        "left_out": [vars(defect) for defect in judged.defects],
        "seeded": seeded,
        "failed": failed,
        **found.to_json(),
    }
    _keep(out, data, outcome_markdown(found, followed.about, judged.name, model.name))
    if as_json:
        print_json(data)
    else:
        shown = screen()
        shown.print_line(f"[bold]{plain(judged.name)}[/]  {plain(model.name)}")
        print_outcome(shown, found)
        if seeded:
            spent = sum(one["usage"]["prompt_tokens"] + one["usage"]["completion_tokens"] for one in seeded)
            shown.print(f"seeding took {spent:,} tokens, which are in no arm's figures")
        shown.print_line(f"written to {plain(out / TABLE)} and {plain(out / RESULTS)}")
    for run, in_vain in failed.items():
        named = ", ".join(in_vain[:NAMED])
        console.print_line(f"[red]not solved[/] {plain(run)}: {plain(named)}: --resume tries them again")
    if judged.defects or failed:
        raise typer.Exit(1)


def _changed(protocol: Protocol, ids: str | None, seed_from: str | None) -> Protocol:
    """The protocol with what the command line puts in the place of its own."""
    from pilotage.agent.arc.protocol.protocol import Puzzles

    changes: dict[str, Any] = {}
    if ids is not None:
        if not ids.strip():
            raise UsageError("--ids is empty: name a file of ids, or ids")
        changes["puzzles"] = Puzzles(split=protocol.puzzles.split, ids=ids)
    if seed_from is not None:
        changes["seed"] = protocol.seed.model_copy(update={"source": seed_from})
    return protocol.model_copy(update=changes)


def _begin(out: Path, protocol: Protocol, judged: Split, model: str, *, resume: bool) -> None:
    """Notes in the folder what is replicated; raises UsageError where it holds something else, or may not go on."""
    from pilotage.agent.cli.outputs import folder_to_write, write_json
    from pilotage.common.files import read_ordinary
    from pilotage.common.json_text import NotJson, read_json

    file = out / PROTOCOL
    contents = hashlib.sha256(" ".join(puzzle.exact for puzzle in judged.puzzles).encode()).hexdigest()[:16]
    stated = {"format": FORMAT, "puzzles": judged.name, "contents": contents, "model": model}
    stated |= {"stated": protocol.model_dump(mode="json")}
    if not file.exists():
        folder_to_write(out)
        if any(out.iterdir()):
            raise UsageError(f"{out} holds other things: choose an empty or a new folder as --out")
        write_json(file, stated)
        return
    if not resume:
        raise UsageError(f"{out} holds a replication already; add --resume to go on with it, or choose another --out")
    try:
        before = read_json(read_ordinary(file))
    except (OSError, NotJson) as error:
        raise UsageError(f"{file} is damaged: it does not say what was replicated") from error
    if before != stated:
        told = before if isinstance(before, dict) else {}
        differing = next((name for name in stated if told.get(name) != stated[name]), "")
        names = {"puzzles": "of other puzzles", "contents": "of other data", "model": f"by {told.get('model')!r:.100}"}
        what = names.get(differing, "of another protocol")
        raise UsageError(f"{out} holds a replication {what}: choose another --out")


def _keep(out: Path, data: dict[str, Any], markdown: str) -> None:
    from pilotage.agent.cli.outputs import write_json
    from pilotage.common.files import replace

    write_json(out / RESULTS, data)
    replace(out / TABLE, markdown.encode())
