"""Concepts, events and findings as people read them on a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pilotage.agent.cli.terminal import plain, table

if TYPE_CHECKING:
    from pilotage.agent.cli.screen import Screen
    from pilotage.memory import Concept, ConceptDraft
    from pilotage.memory.ledger.ledger import Event

_COLOURS = {"trusted": "green", "provisional": "yellow", "retired": "dim"}
_SHORT = 8
_TAIL = 5  # events shown with a concept


def print_concepts(
    console: Screen, concepts: Sequence[Concept], extra: tuple[str, Sequence[str]] | None = None
) -> None:
    """A table of concepts, with one column more where there is something to say of each."""
    shown = table("id", *(extra[:1] if extra else ()), "kind", "status", "title", right=("seen",))
    shown.add_column("credit")
    for column in shown.columns:
        column.no_wrap = column.header not in ("title", "credit")
        column.overflow = "fold" if column.header == "title" else "ellipsis"
    for number, one in enumerate(concepts):
        more = [plain(extra[1][number])] if extra else []
        status = f"[{_COLOURS[one.status]}]{one.status}[/]"
        shown.add_row(plain(short(one.id)), *more, one.kind, status, plain(one.title), f"{one.seen}", _credit(one))
    console.print(shown)


def print_concept(console: Screen, concept: Concept, history: Sequence[Event]) -> None:
    """One concept: as a prompt shows it, then what is known of it."""
    from rich.markup import escape

    from pilotage.memory.render import definition, render

    is_type = concept.kind == "type"
    shown = definition(concept) if is_type else render([concept], 100_000).text
    console.print_line(escape(shown) if shown else "[yellow]never shown to a model[/]")
    if concept.status == "retired":
        console.print_line("[yellow]retired: no model is shown it[/]")
    elif is_type and shown:
        console.print_line("[dim]shown beside a concept that takes or gives it[/]")
    print_held(console, concept)
    outcomes, origin = concept.outcomes, concept.provenance
    counts = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in outcomes.model_dump().items() if count)
    colour = _COLOURS[concept.status]
    times = "once" if concept.seen == 1 else f"{concept.seen} times"
    rows = [
        ("id", f"{plain(concept.id)} [dim]in namespace[/] {plain(concept.namespace)}"),
        ("kind", f"{concept.kind}{f', {plain(concept.subtype)}' if concept.subtype else ''}"),
        ("status", f"[{colour}]{concept.status}[/]"),
        ("replaced by", plain(concept.replaced_by)),
        ("credit", f"{counts or 'never recalled'}; posterior that it helps {outcomes.posterior:.2f}"),
        ("seen", f"{times}, version {concept.version}"),
        ("from task", plain(origin.task_id)),
        ("used in", plain(", ".join(origin.used_in))),
        ("verified by", plain(origin.verified_by)),
        ("written by", plain(origin.model)),
        ("keywords", plain(" ".join(concept.keywords))),
        ("created", f"{origin.created_at:%Y-%m-%d %H:%M:%S} UTC"),
    ]
    console.print()
    for name, value in rows:
        if value:
            console.print_line(f"[dim]{name:12}[/] {value}")
    earlier = len(history) - _TAIL
    console.print("\n[dim]history[/]" + (f" [dim]({earlier} earlier events are not shown)[/]" if earlier > 0 else ""))
    print_events(console, history[-_TAIL:], titles=None)


def print_events(console: Screen, events: Iterable[Event], titles: dict[str, str] | None) -> None:
    """Two lines an event: what happened when, and by whom and why; with titles where they are of several concepts."""
    for event in events:
        what = event.action + (f" {event.undoes}" if event.undoes is not None else "")
        concept = "" if titles is None else f"{short(event.concept_id)}  {titles.get(event.concept_id, '')}"
        when = f"{event.at[:16].replace('T', ' ')} UTC"
        console.print_line(f"{event.seq:6}  [dim]{when}[/]  {what:10}  {plain(concept)}".rstrip())
        parts = [f"by {event.actor}", event.cause, f"run {event.run}" if event.run else ""]
        parts += [f"changed {', '.join(event.changes)}"] if event.changes else []
        console.print_line(f"        [dim]{plain(', '.join(part for part in parts if part))}[/]")


def short(id: str) -> str:
    """The start of an id: enough to type. Ids of another make are shown whole."""
    return id[:_SHORT] if re.fullmatch(r"[0-9a-f]{16}", id) else id


def print_held(console: Screen, draft: ConceptDraft) -> None:
    """What of a concept is never shown to a model, a line each; nothing where all of it may be."""
    from rich.markup import escape

    from pilotage.memory.text.prompt_injection import held_back

    for part in held_back(draft):
        sentence = f"{part} reads as a command to a model: it is kept and never shown to one"
        console.print_line(f"  [yellow]held back[/]  {escape(sentence)}")


def concept_json(concept: Concept) -> dict[str, Any]:
    """A concept as its export has it, and what of it is never shown to a model, field and text."""
    from pilotage.memory.text.prompt_injection import held_back

    return concept.model_dump(mode="json") | {"held_back": [asdict(part) for part in held_back(concept)]}


def _credit(concept: Concept) -> str:
    counts = concept.outcomes
    if not counts.recalled:
        return "[dim]-[/]"
    parts = [f"[green]helped {counts.helped}[/]"] if counts.helped else []
    parts += [f"[red]harmed {counts.harmed}[/]"] if counts.harmed else []
    return f"{', '.join(parts) or 'no effect'} of {counts.recalled}"
