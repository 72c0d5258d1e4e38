"""`pilotage memory reindex|prune|credit|stats|doctor|erase`: the memory as a whole."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pilotage.agent.cli.command import Output
from pilotage.agent.cli.memory.options import IndexedStoreOptions, StoreOptions, new_run
from pilotage.agent.cli.memory.printing import concept_json, print_concepts
from pilotage.agent.cli.terminal import check_line, counting, plain, screen
from pilotage.agent.errors import UsageError

if TYPE_CHECKING:
    from pilotage.agent.cli.screen import Screen
    from pilotage.agent.serve.responses.store import ResponseStore
    from pilotage.memory import ConceptStore
    from pilotage.memory.edits.erase import Erasure
    from pilotage.memory.ledger.stats import StoreStats


def reindex(options: IndexedStoreOptions) -> Output:
    """Rebuild the indexes from the ledger, and move to another embedder with --embedder. Go on after a stop."""
    with (
        options.open(embeds=options.embedder is None) as store,
        counting(screen(errors=True), "embedding", transient=True) as on_progress,
    ):
        done = store.reindex(options.embedder, on_progress=on_progress)
        embedder = store.stats().embedder
    text = f"embedded with {plain(embedder)}: {done}; the indexes are built anew"
    return Output({"embedded": done, "embedder": embedder}, text)


def prune(
    dry_run: bool = typer.Option(False, "--dry-run", help="Show what would be retired, change nothing."),
    certainty: float = typer.Option(0.9, help="Retire what harms more often than it helps with this probability."),
    idle: int = typer.Option(20, help="Retire what was recalled so often and never helped."),
    *,
    options: StoreOptions,
) -> Output:
    """Retire what harms or never helps; can be undone as a whole."""
    from pilotage.memory.edits.prune import PruneRule

    try:
        rule = PruneRule(certainty=certainty, idle=idle)
    except ValueError as error:
        raise UsageError(str(error)) from None
    run = new_run("prune")
    with options.open() as store:
        retired = store.prune(rule, dry_run=dry_run, run=run)
    reasons = [rule.reason(concept.outcomes) or "" for concept in retired]

    def show(console: Screen) -> None:
        if not retired:
            console.print("nothing to prune")
            return
        print_concepts(console, retired, ("why", reasons))
        if dry_run:
            console.print(f"[dim]{len(retired)} would be retired; nothing was changed[/]")
        else:
            console.print_line(f"{len(retired)} retired; [dim]{plain(options.undo_command(run))} takes it back[/]")

    pruned = [{"reason": why, **concept_json(one)} for why, one in zip(reasons, retired, strict=True)]
    return Output({"run": None if dry_run or not retired else run, "pruned": pruned}, show)


def credit(options: StoreOptions) -> Output:
    """Show what the concepts, and the memory as a whole, are worth by public evidence."""
    with options.open() as store:
        report = store.credit()

    def show(console: Screen) -> None:
        whole = report.memory
        uplift, runs = "not known yet (", f"{whole.shown} runs with hints, {whole.withheld} held out"
        if whole.estimate is not None:
            low, high = whole.interval_95
            uplift = f"{whole.estimate:+.1%} solved (95% interval {low:+.1%} to {high:+.1%}; "
        console.print_line(f"uplift of the hints: {uplift}{runs})")
        if report.concepts:
            figures = [f"{one.outcomes.posterior:.2f}" for one in report.concepts]
            print_concepts(console, report.concepts, ("posterior", figures))

    return Output(report.to_json(), show)


def stats(
    all_: bool = typer.Option(False, "--all", help="Also count the concepts of every namespace."),
    *,
    options: StoreOptions,
) -> Output:
    """Show how much there is, of what, and what it is stored with."""
    with options.open() as store:
        figures = store.stats()
        spaces = store.namespaces() if all_ else None
    text = "\n".join(f"[dim]{name:12}[/] {value}" for name, value in _rows(figures, spaces))
    return Output({**asdict(figures), **({} if spaces is None else {"namespaces": spaces})}, text)


def doctor(
    repair: bool = typer.Option(False, "--repair", help="Rebuild the indexes that disagree with the ledger."),
    *,
    options: IndexedStoreOptions,
) -> Output:
    """Check the ledger and its indexes; exit code 1 where something is wrong."""
    with options.open() as store:
        findings = store.doctor(repair=repair)
    lines = [
        check_line(one.ok, f"{one.what:13}", one.found, one.remedy)
        + ("  [green]repaired[/]" if one.ok and one.repaired else "")
        for one in findings
    ]
    return Output([asdict(one) for one in findings], "\n".join(lines), int(not all(one.ok for one in findings)))


def erase(
    below: bool = typer.Option(
        True, "--below/--no-below", help="Also every namespace NAMESPACE/..., those of its users."
    ),
    yes: bool = typer.Option(False, "--yes", help="Do it; it cannot be undone."),
    responses: Path | None = typer.Option(
        None, metavar="FILE", help="The server's responses. (default: responses.sqlite in pilotage's data folder)"
    ),
    *,
    place: IndexedStoreOptions,
) -> Output:
    """Erase everything of a namespace for good, the responses of a server too; a tombstone stays."""
    from pilotage.agent.serve.responses.store import ResponseStore

    with ExitStack() as stack:
        file = stack.enter_context(ResponseStore(responses))
        kept = file if file.path.exists() else None
        if kept is None and responses is not None:
            raise UsageError(f"there are no responses in {file.path}: name the server's `responses_file`")
        store = _memory_of(place, stack, needed=kept is None)
        if not (
            (store is not None and store.is_known(below=below))
            or (kept is not None and kept.count(place.namespace, below=below))
        ):
            return Output({"erased": False, "namespace": place.namespace}, _no_namespace(place.namespace), 1)
        if not yes:
            raise UsageError(_what_would_go(place.namespace, store, kept, below=below))
        gone: list[Erasure] = []
        try:
            if store is not None:
                gone.append(store.erase(below=below))
        finally:  # they go also where the memory cannot be erased now
            if kept is not None:
                gone.append(kept.erase(place.namespace, below=below))
    erased = reduce(lambda all, more: all.joined(more), gone)
    rows = ", ".join(f"{count} {plain(name)}" for name, count in erased.counts.items()) or "nothing was there"
    lines = [f"erased {', '.join(map(plain, erased.namespaces))} [dim]{rows}[/]", f"[dim]tombstone {erased.digest}[/]"]
    return Output(asdict(erased), "\n".join([*lines, *map(plain, erased.left)]))


def _no_namespace(name: str) -> str:
    return (
        f"there is no namespace '{plain(name)}', and nothing was erased: that of a key is its id, unless it was made "
        "with another (`pilotage keys list` shows both)"
    )


def _memory_of(place: IndexedStoreOptions, stack: ExitStack, *, needed: bool) -> ConceptStore | None:
    """The memory; None where there is none, nobody has named one, and it is not needed."""
    try:
        return stack.enter_context(place.open(embeds=False))
    except UsageError:
        if needed or place.memory not in (None, "none"):
            raise
        return None


def _what_would_go(namespace: str, store: ConceptStore | None, kept: ResponseStore | None, *, below: bool) -> str:
    parts = []
    if store is not None:
        figures = store.stats()
        parts += [f"{figures.concepts + figures.retired} concepts", f"{figures.events} events"]
    if kept is not None:
        parts.append(f"{kept.count(namespace, below=below)} responses")
    *most, last = parts
    counted = f"{', '.join(most)} and {last}" if most else last
    also = " and all below it" if below else ""
    return f"this would erase namespace '{namespace}'{also} for good, with {counted}: say --yes to do it"


def _rows(figures: StoreStats, spaces: dict[str, int] | None) -> list[tuple[str, Any]]:
    kinds = ", ".join(f"{count} {kind}" for kind, count in figures.by_kind.items())
    without = f", without {figures.retired} retired" if figures.retired else ""
    states = ", ".join(f"{count} {status}" for status, count in figures.by_status.items())
    rows = [
        ("namespace", plain(figures.namespace)),
        ("concepts", f"{figures.concepts}{f' ({kinds})' if kinds else ''}{without}"),
        ("status", states or "nothing"),
        ("events", f"{figures.events}"),
        ("last change", f"{figures.last_event[:16].replace('T', ' ')} UTC" if figures.last_event else "never"),
        ("embedder", plain(figures.embedder) or "none yet"),
        ("vectors", f"{figures.vectors}"),
        ("ledger", f"{plain(figures.ledger)}, schema {figures.schema_version}, {figures.ledger_bytes / 1e6:.1f} MB"),
        ("index", f"{figures.index_bytes / 1e6:.1f} MB" if figures.index_bytes else "none in the folder"),
    ]
    if spaces is not None:
        rows.append(("namespaces", ", ".join(f"{plain(name)} {count}" for name, count in spaces.items()) or "none"))
    return rows
