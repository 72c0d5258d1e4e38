"""`pilotage bank`: look at recorded reasoning trees, check them, put them together and carry them over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pilotage.agent.cli.bank.score import score
from pilotage.agent.cli.bank.traces import add_traces
from pilotage.agent.cli.memory.open import AsJson
from pilotage.agent.cli.outputs import Force, file_to_write, folder_to_write, keep
from pilotage.agent.cli.terminal import App, plain, print_json, screen

app = App(
    help="Look at recorded reasoning trees, check them, put them together and carry them over.", no_args_is_help=True
)

app.command("add-traces")(add_traces)
app.command("score")(score)

BankFolder = Annotated[Path, typer.Argument(metavar="BANK", help="Folder of a recorded bank.")]
CostWeight = Annotated[float, typer.Option(help="What 1,000 tokens are worth, in right answers.")]


@app.command()
def info(bank: BankFolder, cost_weight: CostWeight = 0.0, as_json: AsJson = False) -> None:
    """What a bank holds, and what could be won on it: fixed sequences, blocks, the oracle."""
    from pilotage.agent.cli.bank.printing import print_info
    from pilotage.navigator.bank.bank import Bank
    from pilotage.navigator.values.bank_info import info as describe

    found = describe(Bank.open(bank), cost_weight)
    if as_json:
        print_json(found.to_json())
    else:
        print_info(screen(), found)


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
            console.print(f"[{colour}]{one.level}[/]  {plain(one.where)}  {plain(one.what)}", soft_wrap=True)
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
    console.print(plain(done), soft_wrap=True)
    for conflict in report.conflicts:
        console.print(f"[yellow]conflict[/]  {plain(conflict)}: other content here; the first is kept", soft_wrap=True)


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
    from pilotage.agent.text import json_page
    from pilotage.common.files import replace
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
        console.print(f"[dim]written to {plain(out)}[/]", soft_wrap=True)


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
        screen().print(
            f"{report.episodes} episodes, {report.steps} steps written to {plain(report.path)}", soft_wrap=True
        )


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
