"""`pilotage memory reindex|prune|credit|stats|doctor`: the memory as a whole."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pilotage.agent.cli.memory.options import IndexedStoreOptions, StoreOptions, new_run
from pilotage.agent.cli.memory.printing import concept_json, print_concepts
from pilotage.agent.cli.options import AsJson
from pilotage.agent.cli.terminal import counting, plain, print_json, screen

if TYPE_CHECKING:
    from pilotage.memory.ledger.stats import StoreStats


def reindex(
    place: IndexedStoreOptions,
    as_json: AsJson = False,
) -> None:
    """Rebuild the indexes from the ledger, and move to another embedder with --embedder. Go on after a stop."""
    embeds = place.embedder is None
    with (
        place.open(embeds=embeds) as store,
        counting(screen(errors=True), "embedding", transient=True) as on_progress,
    ):
        done = store.reindex(place.embedder, on_progress=on_progress)
        stats = store.stats()
    if as_json:
        print_json({"embedded": done, "embedder": stats.embedder})
    else:
        screen().print_line(f"embedded with {plain(stats.embedder)}: {done}; the indexes are built anew")


def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be retired, change nothing.")] = False,
    certainty: Annotated[
        float, typer.Option(help="Retire what harms more often than it helps with this probability.")
    ] = 0.9,
    idle: Annotated[int, typer.Option(help="Retire what was recalled so often and never helped.")] = 20,
    *,
    place: StoreOptions,
    as_json: AsJson = False,
) -> None:
    """Retire what harms or never helps; can be undone as a whole."""
    from pilotage.agent.errors import UsageError
    from pilotage.memory.edits.prune import PruneRule

    try:
        rule = PruneRule(certainty=certainty, idle=idle)
    except ValueError as error:
        raise UsageError(str(error)) from None
    run = new_run("prune")
    with place.open() as store:
        gone = store.prune(rule, dry_run=dry_run, run=run)
    reasons = [rule.reason(concept.outcomes) or "" for concept in gone]
    if as_json:
        pruned = [{"reason": reason, **concept_json(one)} for reason, one in zip(reasons, gone, strict=True)]
        print_json({"run": None if dry_run or not gone else run, "pruned": pruned})
        return
    console = screen()
    if not gone:
        console.print("nothing to prune")
        return
    print_concepts(console, gone, ("why", reasons))
    if dry_run:
        console.print(f"[dim]{len(gone)} would be retired; nothing was changed[/]")
    else:
        console.print_line(f"{len(gone)} retired; [dim]{plain(place.undo_command(run))} takes it back[/]")


def credit(place: StoreOptions, as_json: AsJson = False) -> None:
    """Show what the concepts, and the memory as a whole, are worth by public evidence."""
    with place.open() as store:
        report = store.credit()
    if as_json:
        print_json(report.to_json())
        return
    console, whole = screen(), report.memory
    if whole.estimate is None:
        console.print_line(
            f"uplift of the hints: not known yet ({whole.shown} runs with hints, {whole.withheld} held out)"
        )
    else:
        low, high = whole.interval_95
        console.print_line(
            f"uplift of the hints: {whole.estimate:+.1%} solved (95% interval {low:+.1%} to {high:+.1%}; "
            f"{whole.shown} runs with hints, {whole.withheld} held out)"
        )
    if report.concepts:
        figures = [f"{one.outcomes.posterior:.2f}" for one in report.concepts]
        print_concepts(console, report.concepts, ("posterior", figures))


def stats(
    all_: Annotated[bool, typer.Option("--all", help="Also count the concepts of every namespace.")] = False,
    *,
    place: StoreOptions,
    as_json: AsJson = False,
) -> None:
    """Show how much there is, of what, and what it is stored with."""
    with place.open() as store:
        found = store.stats()
        spaces = store.namespaces() if all_ else None
    if as_json:
        print_json({**asdict(found), **({} if spaces is None else {"namespaces": spaces})})
        return
    console = screen()
    for name, value in _rows(found, spaces):
        console.print_line(f"[dim]{name:12}[/] {value}")


def doctor(
    repair: Annotated[
        bool, typer.Option("--repair", help="Rebuild the indexes that disagree with the ledger.")
    ] = False,
    *,
    place: IndexedStoreOptions,
    as_json: AsJson = False,
) -> None:
    """Check the ledger and its indexes; exit code 1 where something is wrong."""
    with place.open() as store:
        findings = store.doctor(repair=repair)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        console = screen()
        for finding in findings:
            mark = "[green]ok[/]" if finding.ok else "[red]--[/]"
            mended = "  [green]repaired[/]" if finding.repaired and finding.ok else ""
            remedy = f"  [yellow]{plain(finding.remedy)}[/]" if not finding.ok else ""
            console.print_line(f"{mark}  {finding.what:13}  {plain(finding.found)}{mended}{remedy}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _rows(found: StoreStats, spaces: dict[str, int] | None) -> list[tuple[str, Any]]:
    kinds = ", ".join(f"{count} {kind}" for kind, count in found.by_kind.items())
    states = ", ".join(f"{count} {status}" for status, count in found.by_status.items())
    rows = [
        ("namespace", plain(found.namespace)),
        ("concepts", f"{found.concepts}{f' ({kinds})' if kinds else ''}"),
        ("status", states or "nothing"),
        ("events", f"{found.events}"),
        ("last change", f"{found.last_event[:16].replace('T', ' ')} UTC" if found.last_event else "never"),
        ("embedder", plain(found.embedder) or "none yet"),
        ("vectors", f"{found.vectors}"),
        ("ledger", f"{plain(found.ledger)}, schema {found.schema_version}, {found.ledger_bytes / 1e6:.1f} MB"),
        ("index", f"{found.index_bytes / 1e6:.1f} MB" if found.index_bytes else "none in the folder"),
    ]
    if spaces is not None:
        rows.append(("namespaces", ", ".join(f"{plain(name)} {count}" for name, count in spaces.items()) or "none"))
    return rows
