"""`pilotage memory export|import`: a memory as a file."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pilotage.agent.cli.command import AS_JSON, Output
from pilotage.agent.cli.memory.options import CAUSE, IndexedStoreOptions, StoreOptions, named, new_run
from pilotage.agent.cli.options import FORCE
from pilotage.agent.cli.outputs import file_to_write, keep
from pilotage.agent.cli.terminal import counting, exact_json, plain, screen
from pilotage.agent.errors import UsageError
from pilotage.common.paths import expanded

if TYPE_CHECKING:
    from pilotage.agent.cli.screen import Screen
    from pilotage.memory.formats.importing import ImportReport

_SHOWN = 20  # defects on a screen; --json has all


def export(
    file: str = typer.Argument("-", help="File to write; - for standard output."),
    form: str = typer.Option(
        "jsonl", "--format", help="jsonl (everything) or arcmemo (its JSON, without retired concepts)."
    ),
    *,
    options: StoreOptions,
    force: bool = FORCE,
    as_json: bool = AS_JSON,
) -> None:
    """Write all concepts to a file, from which `import` makes an equal memory."""
    chosen: Any = _one_of(form, ("jsonl", "arcmemo"))
    if file != "-":
        file_to_write(expanded(file), "FILE")
        keep(expanded(file), force)
    with options.open() as store:
        try:
            with named(file):
                count = store.export(exact_json(sys.stdout) if file == "-" else file, form=chosen)
            sys.stdout.flush()
        except BrokenPipeError:  # the reader has seen enough
            sys.stderr.close()
            raise typer.Exit(0) from None
    if file != "-":
        text = f"{count} concepts written to {plain(file)}"
        Output({"exported": count, "file": file, "format": form}, text).show(as_json)


def import_(
    file: str = typer.Argument(..., help="File to read; - for standard input."),
    form: str = typer.Option("auto", "--format", help="auto, jsonl or arcmemo (JSON or YAML)."),
    skip_bad: bool = typer.Option(False, "--skip-bad", help="Leave out lines that cannot be read."),
    cause: str = CAUSE,
    *,
    options: IndexedStoreOptions,
) -> Output:
    """Add the concepts of an export or of an ArcMemo file, all or none."""
    chosen: Any = _one_of(form, ("auto", "jsonl", "arcmemo"))
    if file != "-":
        with named(file):
            expanded(file).open("rb").close()  # before a memory is made for nothing
    run = new_run("import")
    with (
        options.open(creates=True) as store,
        counting(screen(errors=True), "reading", transient=True) as on_progress,
    ):
        report = store.import_(
            sys.stdin.buffer if file == "-" else file,
            form=chosen,
            skip_bad=skip_bad,
            cause=cause or Path(file).name,
            run=run,
            on_progress=on_progress,
        )

    def show(console: Screen) -> None:
        _print_report(console, report)
        if report.added:
            console.print_line(f"[dim]{plain(options.undo_command(run))} takes it back[/]")

    return Output({**asdict(report), "run": run if report.added else None}, show)


def _print_report(console: Screen, report: ImportReport) -> None:
    counts = (
        (report.unchanged, "{} were here already"),
        (report.duplicates, "{} were here under another id"),
        (report.renamed, "{} got a new id"),
        (len(report.conflicts), "[red]{} left out for conflicts[/]"),
        (len(report.defects), "[yellow]{} defects[/]"),
        (len(report.held_back), "[yellow]{} lines held back[/]"),
    )
    parts = [f"[green]{report.added} added[/]", *(what.format(count) for count, what in counts if count)]
    console.print(", ".join(parts))
    lines = [
        ("red", "conflict", f"{one.where}: id {one.id} has other content here, kept as it is ({one.title})")
        for one in report.conflicts[:_SHOWN]
    ]
    lines += [("yellow", "defect", str(defect)) for defect in report.defects[:_SHOWN]]
    lines += [
        ("yellow", "held back", f"{one}: reads as a command to a model; it is kept and never shown to one")
        for one in report.held_back[:_SHOWN]
    ]
    for colour, kind, what in lines:
        console.print_line(f"  [{colour}]{kind}[/]  {plain(what)}")
    more = max(len(report.held_back), len(report.defects), len(report.conflicts)) - _SHOWN
    if more > 0:
        console.print(f"  [dim]and {more} more; --json has all[/]")


def _one_of(form: str, choices: tuple[str, ...]) -> str:
    if form not in choices:
        raise UsageError(f"unknown format '{form}': choose from {', '.join(choices)}")
    return form
