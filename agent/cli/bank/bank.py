"""`pilotage bank`: look at recorded reasoning trees, check them, put them together and carry them over."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pilotage.agent.cli.bank.score import score
from pilotage.agent.cli.command import App, AsJson
from pilotage.agent.cli.options import BankFolder, CostWeight, Force
from pilotage.agent.cli.outputs import file_to_write, folder_to_write, keep
from pilotage.agent.cli.terminal import plain, print_json, print_json_line, screen

if TYPE_CHECKING:
    from pilotage.agent.cli.screen import Screen
    from pilotage.navigator.values.bank_info import BankInfo

app = App(help="Look at recorded reasoning trees, check them, put them together and carry them over.")


@app.command("add-traces")
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


app.command("score")(score)


@app.command()
def info(bank: BankFolder, cost_weight: CostWeight = 0.0, as_json: AsJson = False) -> None:
    """What a bank holds, and what could be won on it: fixed sequences, blocks, the oracle."""
    from pilotage.navigator.bank.bank import Bank
    from pilotage.navigator.values.bank_info import info as describe

    found = describe(Bank.open(bank), cost_weight)
    if as_json:
        print_json(found.to_json())
    else:
        _print_info(screen(), found)


@app.command()
def verify(bank: BankFolder, as_json: AsJson = False) -> None:
    """List everything that is wrong with a bank; exit code 1 where something keeps it from being read."""
    from pilotage.navigator.bank.reader import verify as check

    findings = check(bank)
    errors = sum(one.level == "error" for one in findings)
    if as_json:
        print_json([vars(one) for one in findings])
    else:
        console = screen()
        for one in findings:
            colour = "red" if one.level == "error" else "yellow"
            console.print_line(f"[{colour}]{one.level}[/]  {plain(one.where)}  {plain(one.what)}")
        if not findings:
            console.print("[green]nothing is wrong with it[/]")
    if errors:
        raise typer.Exit(1)


@app.command()
def merge(
    sources: Annotated[list[Path], typer.Argument(metavar="BANK", help="Banks of one make.")],
    out: Annotated[Path, typer.Option(help="Folder to write to: a new bank, or one of the same make.")],
    as_json: AsJson = False,
) -> None:
    """Put banks together that were recorded with the same model, blocks, features and budget."""
    from pilotage.navigator.bank.merge import merge as put_together

    folder_to_write(out)
    report = put_together(sources, out)
    if as_json:
        print_json(vars(report))
        return
    console = screen()
    done = f"{report.added} nodes added, {report.known} were there already; {report.tasks} tasks in {out}"
    console.print_line(plain(done))
    for conflict in report.conflicts:
        console.print_line(f"[yellow]conflict[/]  {plain(conflict)}: other content here; the first is kept")


@app.command()
def split(
    bank: BankFolder,
    parts: Annotated[
        str, typer.Option(metavar="NAME=SHARE,...", help="Parts and their shares.")
    ] = "train=0.7,test=0.3",
    seed: Annotated[int, typer.Option(help="Of the order in which tasks are dealt.")] = 0,
    out: Annotated[Path | None, typer.Option(help="JSON file to write the parts to.")] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Deal a bank's tasks into parts: whole tasks, every family in every part."""
    from pilotage.common.files import replace
    from pilotage.common.text import json_page
    from pilotage.navigator.bank.bank import Bank

    dealt = Bank.open(bank).split(shares(parts), seed)
    if out is not None:
        file_to_write(out)
        keep(out, force)
        replace(out, f"{json_page(dealt)}\n".encode())
    if as_json:
        print_json(dealt)
        return
    console = screen()
    for name, tasks in dealt.items():
        console.print(f"{plain(name)}: {len(tasks)} tasks")
    if out is not None:
        console.print_line(f"[dim]written to {plain(out)}[/]")


@app.command()
def pack(bank: BankFolder, as_json: AsJson = False) -> None:
    """Compress a bank's files. It is read as before, and recording can go on."""
    from pilotage.navigator.bank.merge import pack as compress

    report = compress(bank)
    if as_json:
        print_json(vars(report))
    else:
        screen().print(f"{report.files} files packed, {report.bytes_before:,} to {report.bytes_after:,} bytes")


@app.command()
def export(
    bank: BankFolder,
    minari: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of Minari datasets to write to.")],
    dataset: Annotated[str, typer.Option(help="Id of the dataset.")] = "pilotage/bank-v0",
    cost_weight: CostWeight = 0.0,
    as_json: AsJson = False,
) -> None:
    """Write a bank as a Minari dataset, one episode for every recorded stop."""
    from pilotage.navigator.bank.bank import Bank
    from pilotage.navigator.envs.minari import export_minari

    folder_to_write(minari, "--minari")
    report = export_minari(Bank.open(bank), minari, cost_weight, dataset)
    if as_json:
        print_json({**vars(report), "path": str(report.path)})
    else:
        screen().print_line(f"{report.episodes} episodes, {report.steps} steps written to {plain(report.path)}")


def _print_info(console: Screen, found: BankInfo) -> None:
    """What it holds, then a table of families and one of blocks."""
    from rich.table import Table

    from pilotage.navigator.bank.records import EARLIER

    console.print(
        f"[bold]{plain(found.path)}[/]  {plain(found.model)}, preset {plain(found.preset)}, {plain(found.created)}"
    )
    console.print(
        f"{found.tasks} tasks, {found.nodes} nodes, {found.deepest} blocks deep, {found.tokens:,} tokens, "
        f"{found.seconds / 3600:.1f} h of calls; costs are in 1,000 tokens a task, weighed {found.cost_weight:g}"
    )
    if found.earlier_routes:
        console.print(f"{EARLIER}: it is read, and not added to")
    table = Table("family", box=None, pad_edge=False)
    for name in ("tasks", "nodes", "at once"):
        table.add_column(name, justify="right")
    table.add_column("best sequence")
    for name in ("right", "cost", "oracle", "cost"):
        table.add_column(name, justify="right")
    for family, one in found.families.items():
        table.add_row(
            plain(family), f"{one.tasks}", f"{one.nodes}", f"{one.at_once:.0%}", plain(one.best_sequence),
            f"{one.best_accuracy:.0%}", f"{one.best_cost:.2f}", f"{one.oracle_accuracy:.0%}", f"{one.oracle_cost:.2f}",
        )  # fmt: skip
    table.add_row(
        "[bold]all[/]", f"{found.tasks}", f"{found.nodes}", f"{found.at_once:.0%}", plain(found.best_sequence),
        f"{found.best_accuracy:.0%}", f"{found.best_cost:.2f}", f"{found.oracle_accuracy:.0%}",
        f"{found.oracle_cost:.2f}",
    )  # fmt: skip
    console.print(table)
    blocks = Table("block", box=None, pad_edge=False)
    for name in ("nodes", "gain over stopping", "helps in", "oracle takes it", "oracle loses without"):
        blocks.add_column(name, justify="right")
    for name, value in found.blocks.items():
        blocks.add_row(
            plain(name), f"{value['nodes']}", _signed(value["gain"]), _share(value["helps"]), _share(value["chosen"]),
            f"{value['loss_without']:.3f}",
        )  # fmt: skip
    console.print(blocks)


def _signed(value: Any) -> str:
    return "-" if value != value else f"{value:+.3f}"


def _share(value: Any) -> str:
    return "-" if value != value else f"{value:.0%}"


def shares(parts: str) -> dict[str, float]:
    """Parts of a split from `train=0.7,test=0.3`."""
    from pilotage.agent.errors import UsageError

    shares: dict[str, float] = {}
    for part in parts.split(","):
        name, _, share = part.partition("=")
        try:
            shares[name.strip()] = float(share)
        except ValueError:
            raise UsageError(f"{part!r} is no part of a split; write --parts train=0.7,test=0.3") from None
    return shares
