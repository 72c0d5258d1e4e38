"""`pilotage bank`: look at recorded reasoning trees, check them, put them together and carry them over."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pilotage.agent.cli.bank.confidence import confidence
from pilotage.agent.cli.bank.doubt import doubt
from pilotage.agent.cli.bank.embed import embed
from pilotage.agent.cli.bank.grade import grade
from pilotage.agent.cli.bank.score import score
from pilotage.agent.cli.command import App, Output
from pilotage.agent.cli.options import A_SEED, BANK, FORCE, GRADING_SANDBOX, MAP, cost_weight, shares
from pilotage.agent.cli.outputs import file_to_write, folder_to_write, keep, write_json
from pilotage.agent.cli.terminal import plain, print_json_line, screen, table

if TYPE_CHECKING:
    from pilotage.agent.cli.screen import Screen
    from pilotage.navigator.values.bank_info import BankInfo, FamilyInfo

app = App(help="Look at recorded reasoning trees, check them, put them together and carry them over.")


@app.command("add-traces")
def add_traces(
    results: Path = typer.Argument(..., help="Results of `pilotage solve --tasks`, JSON Lines."),
    bank: Path = typer.Argument(..., help="Folder of the bank; it must have been recorded before."),
    tasks: list[str] = typer.Option(
        ..., help="Where the tasks of the results come from, as in `pilotage solve --tasks`."
    ),
    fields: str | None = MAP,
    sandbox: str = GRADING_SANDBOX,
    as_json: bool = typer.Option(False, "--json", help="Print a JSON summary."),
) -> None:
    """Add the runs of a results file to a bank. Runs of another model, or with memory, are left out."""
    from pilotage.agent.banks.sources import mixed
    from pilotage.agent.banks.traces import TraceAdder, result_lines
    from pilotage.agent.blocks import installed
    from pilotage.agent.sandbox import open_sandbox
    from pilotage.agent.tasks.fields import mapping
    from pilotage.navigator.bank.reader import read_meta
    from pilotage.navigator.bank.records import EARLIER
    from pilotage.navigator.bank.writer import BankWriter
    from pilotage.navigator.errors import BankError

    console = screen(errors=True, soft_wrap=True)
    meta = read_meta(bank)
    if meta.has_earlier_routes:
        raise BankError(f"the bank {bank} was {EARLIER}: runs of today do not belong in it; record a new one")
    assigned, defects = mixed(tasks, fields=mapping(fields))
    with BankWriter(bank, meta) as writer:
        adder = TraceAdder(writer, assigned, installed(), open_sandbox(sandbox))
        added = asyncio.run(adder.add(result_lines(results)))
    console.print_left_out([*defects, *(f"{which}: {why}" for which, why in added.left_out)])
    console.print(f"{added.nodes} nodes added, {added.known} were there before: {plain(bank)}")
    if as_json:
        print_json_line({"nodes_added": added.nodes, "nodes_known": added.known, "left_out": len(added.left_out)})
    raise typer.Exit(1 if added.left_out else 0)


app.command("score")(score)
app.command("embed")(embed)
app.command("grade")(grade)
app.command("confidence")(confidence)
app.command("doubt")(doubt)


@app.command()
def info(bank: Path = BANK, cost_weight: float = cost_weight(0.0)) -> Output:
    """What a bank holds, and what could be won on it: fixed sequences, blocks, the oracle."""
    from pilotage.navigator.bank.bank import Bank
    from pilotage.navigator.values.bank_info import info as describe

    described = describe(Bank.open(bank), cost_weight)
    return Output(described.to_json(), lambda console: _print_info(console, described))


@app.command()
def verify(bank: Path = BANK) -> Output:
    """List everything that is wrong with a bank; exit code 1 where something keeps it from being read."""
    from pilotage.navigator.bank.reader import verify as check

    findings = check(bank)
    lines = []
    for one in findings:
        colour = "red" if one.level == "error" else "yellow"
        lines.append(f"[{colour}]{one.level}[/]  {plain(one.where)}  {plain(one.what)}")
    text = "\n".join(lines) or "[green]nothing is wrong with it[/]"
    return Output([vars(one) for one in findings], text, int(any(one.level == "error" for one in findings)))


@app.command()
def merge(
    sources: list[Path] = typer.Argument(..., metavar="BANK", help="Banks of one make."),
    out: Path = typer.Option(..., help="Folder to write to: a new bank, or one of the same make."),
) -> Output:
    """Put banks together that were recorded with the same model, blocks, features and budget."""
    from pilotage.navigator.bank.merge import merge as put_together

    folder_to_write(out)
    report = put_together(sources, out)
    lines = [f"{report.added} nodes added, {report.known} were there already; {report.tasks} tasks in {plain(out)}"]
    lines += [f"{report.graded} got the score of their candidate"] * (report.graded > 0)
    lines += [f"[yellow]conflict[/]  {plain(one)}: other content here; the first is kept" for one in report.conflicts]
    return Output(vars(report), "\n".join(lines))


@app.command()
def split(
    bank: Path = BANK,
    parts: str = typer.Option("train=0.7,test=0.3", metavar="NAME=SHARE,...", help="Parts and their shares."),
    seed: int = typer.Option(0, min=0, callback=A_SEED, help="Of the order in which tasks are dealt."),
    out: Path | None = typer.Option(None, help="JSON file to write the parts to."),
    force: bool = FORCE,
) -> Output:
    """Deal a bank's tasks into parts: whole tasks, every family in every part."""
    from pilotage.navigator.bank.bank import Bank

    dealt = Bank.open(bank).split(shares(parts), seed)
    lines = [f"{plain(name)}: {len(tasks)} tasks" for name, tasks in dealt.items()]
    if out is not None:
        file_to_write(out)
        keep(out, force)
        write_json(out, dealt)
        lines.append(f"[dim]written to {plain(out)}[/]")
    return Output(dealt, "\n".join(lines))


@app.command()
def pack(bank: Path = BANK) -> Output:
    """Compress a bank's files. It is read as before, and recording can go on."""
    from pilotage.navigator.bank.merge import pack as compress

    report = compress(bank)
    text = f"{report.files} files packed, {report.bytes_before:,} to {report.bytes_after:,} bytes"
    return Output(vars(report), text)


@app.command()
def export(
    bank: Path = BANK,
    minari: Path = typer.Option(..., metavar="FOLDER", help="Folder of Minari datasets to write to."),
    dataset: str = typer.Option("pilotage/bank-v0", help="Id of the dataset."),
    cost_weight: float = cost_weight(0.0),
) -> Output:
    """Write a bank as a Minari dataset, one episode for every recorded stop."""
    from pilotage.navigator.bank.bank import Bank
    from pilotage.navigator.envs.minari import export_minari

    folder_to_write(minari, "--minari")
    report = export_minari(Bank.open(bank), minari, cost_weight, dataset)
    text = f"{report.episodes} episodes, {report.steps} steps written to {plain(report.path)}"
    return Output({**vars(report), "path": str(report.path)}, text)


def _print_info(console: Screen, bank: BankInfo) -> None:
    """What it holds, then a table of families and one of blocks."""
    from pilotage.navigator.bank.records import EARLIER

    console.print(
        f"[bold]{plain(bank.path)}[/]  {plain(bank.model)}, preset {plain(bank.preset)}, {plain(bank.created)}"
    )
    console.print(
        f"{bank.tasks} tasks, {bank.nodes} nodes, {bank.deepest} blocks deep, {bank.tokens:,} tokens, "
        f"{bank.seconds / 3600:.1f} h of calls; costs are in 1,000 tokens a task, weighed {bank.cost_weight:g}"
    )
    console.print(f"{bank.graded_candidates} of {bank.candidates} candidates are graded")
    if bank.earlier_routes:
        console.print(f"{EARLIER}: it is read, and not added to")
    families = table("family", right=("tasks", "nodes", "at once"))
    families.add_column("best sequence")
    for name in ("right", "cost", "oracle", "cost"):
        families.add_column(name, justify="right")
    rows: list[tuple[str, FamilyInfo | BankInfo]] = [(plain(name), one) for name, one in bank.families.items()]
    for name, one in (*rows, ("[bold]all[/]", bank)):
        families.add_row(
            name, f"{one.tasks}", f"{one.nodes}", f"{one.at_once:.0%}", plain(one.best_sequence),
            f"{one.best_accuracy:.0%}", f"{one.best_cost:.2f}", f"{one.oracle_accuracy:.0%}", f"{one.oracle_cost:.2f}",
        )  # fmt: skip
    console.print(families)
    titles = ("nodes", "gain over stopping", "helps in", "oracle takes it", "oracle loses without")
    blocks = table("block", right=titles)
    for name, value in bank.blocks.items():
        shown = ("gain", "+.3f"), ("helps", ".0%"), ("chosen", ".0%")
        figures = ["-" if value[key] != value[key] else f"{value[key]:{how}}" for key, how in shown]  # nan: unknown
        blocks.add_row(plain(name), f"{value['nodes']}", *figures, f"{value['loss_without']:.3f}")
    console.print(blocks)
