"""`pilotage bank add-traces`: what ordinary runs did, as ways in a bank."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from pilotage.agent.cli.terminal import plain, print_json_line, screen


def add_traces(
    results: Annotated[Path, typer.Argument(help="Results of `pilotage solve --tasks`, JSON Lines.")],
    bank: Annotated[Path, typer.Argument(help="Folder of the bank; it must have been recorded before.")],
    tasks: Annotated[
        list[str], typer.Option(help="Where the tasks of the results come from, as in `pilotage solve --tasks`.")
    ],
    sandbox: Annotated[str, typer.Option(help="For grading programs: auto, bubblewrap, subprocess, or none.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON summary.")] = False,
) -> None:
    """Add the runs of a results file to a bank. Runs of another model, or with memory, are left out."""
    from pilotage.agent.banks.sources import mixed
    from pilotage.agent.banks.traces import TraceAdder, result_lines
    from pilotage.agent.blocks import installed
    from pilotage.agent.sandbox import open_sandbox
    from pilotage.navigator.bank.bank import BankWriter
    from pilotage.navigator.bank.reader import read_meta
    from pilotage.navigator.bank.records import EARLIER
    from pilotage.navigator.errors import BankError

    console = screen(errors=True, soft_wrap=True)
    meta = read_meta(bank)
    if meta.has_earlier_routes:
        raise BankError(f"the bank {bank} was {EARLIER}: runs of today do not belong in it; record a new one")
    assigned, defects = mixed(tasks)
    with BankWriter(bank, meta) as writer:
        adder = TraceAdder(writer, assigned, installed(), open_sandbox(sandbox))
        added = asyncio.run(adder.add(result_lines(results)))
    for what in (*defects, *(f"{which}: {why}" for which, why in added.left_out)):
        console.print(f"[red]left out[/] {plain(what)}")
    console.print(f"{added.nodes} nodes added, {added.known} were there before: {plain(bank)}")
    if as_json:
        print_json_line({"nodes_added": added.nodes, "nodes_known": added.known, "left_out": len(added.left_out)})
    raise typer.Exit(1 if added.left_out else 0)
