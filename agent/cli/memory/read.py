"""`pilotage memory list|show|search|history`: look, change nothing."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pilotage.agent.cli.memory.options import IndexedStoreOptions, StoreOptions
from pilotage.agent.cli.memory.printing import (
    concept_json,
    event_json,
    held_json,
    print_concept,
    print_concepts,
    print_events,
    print_held,
    short,
)
from pilotage.agent.cli.options import AsJson
from pilotage.agent.cli.terminal import print_json, screen


def list_concepts(
    kind: Annotated[str | None, typer.Option(help="structure, routine, lesson or type.")] = None,
    status: Annotated[
        str | None, typer.Option(help="provisional, trusted or retired. (default: all but retired)")
    ] = None,
    sort: Annotated[
        str, typer.Option(help="added, changed, title, seen, recalled, helped, harmed or posterior.")
    ] = "added",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    offset: Annotated[int, typer.Option(min=0, help="Pass over so many.")] = 0,
    *,
    place: StoreOptions,
    as_json: AsJson = False,
) -> None:
    """List concepts."""
    filters: dict[str, Any] = {"kind": kind, "status": status, "sort": sort, "limit": limit, "offset": offset}
    with place.open() as store:
        found = store.browse(**filters)
        total = store.count()
    if as_json:
        print_json([concept_json(concept) for concept in found])
        return
    console = screen()
    if not found:
        console.print("no such concept" if total else "the memory is empty")
        return
    print_concepts(console, found)
    if len(found) == limit and status is None and kind is None and total > offset + limit:
        console.print(f"[dim]{len(found)} of {total} concepts; --limit and --offset show others[/]")


def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="Id of a concept, or the start of it.")],
    *,
    place: StoreOptions,
    as_json: AsJson = False,
) -> None:
    """Show a concept as a prompt would, and what is known of it: credit, provenance, history."""
    with place.open() as store:
        concept = store.get(store.find_id(id))
        history = store.history(concept.id)
    if as_json:
        print_json({**concept_json(concept), **held_json(concept), "history": [event_json(event) for event in history]})
    else:
        print_concept(screen(), concept, history)


def search(
    text: Annotated[str, typer.Argument(help="A task, or words.")],
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 5,
    recall: Annotated[
        bool, typer.Option("--recall", help="What an agent would recall, and the prompt that it would see.")
    ] = False,
    *,
    place: IndexedStoreOptions,
    as_json: AsJson = False,
) -> None:
    """Search by meaning and by words."""
    from pilotage.memory.render import render

    with place.open() as store:
        if recall:
            recollection = store.recall(text, limit)
            hits, related = list(recollection.hits), [hit.concept for hit in recollection.related]
        else:
            hits, related = store.search(text, limit), []
    concepts = [hit.concept for hit in hits]
    shown = render(concepts if recall else [], 1000, related=related)
    if as_json:
        found = [
            {"similarity": hit.similarity, "score": hit.score, "concept": concept_json(hit.concept)} for hit in hits
        ]
        print_json({"hits": found, "prompt": shown.text, "left_out": shown.left_out} if recall else found)
        return
    console = screen()
    if not hits:
        console.print("nothing near enough: the agent gets no hint" if recall else "nothing found")
        return
    print_concepts(console, concepts, ("similarity", [f"{hit.similarity:.2f}" for hit in hits]))
    if recall:
        console.print_line(f"\n{shown.text}", markup=False)
        for one in concepts:
            print_held(console, one)
        if shown.left_out:
            console.print(f"[dim]without {', '.join(map(short, shown.left_out))}: no room, or never shown[/]")


def history(
    id: Annotated[
        str | None, typer.Argument(metavar="ID", help="A concept. (default: all of them)", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The last so many events.")] = 20,
    run: Annotated[str | None, typer.Option(help="Only the events of this run.")] = None,
    *,
    place: StoreOptions,
    as_json: AsJson = False,
) -> None:
    """Show what happened: to one concept, in one run, or to the whole memory."""
    with place.open() as store:
        if id is not None:
            events = [event for event in store.history(store.find_id(id)) if run in (None, event.run)][-limit:]
        else:
            events = store.events(limit, run=run)
        ids = {event.concept_id for event in events}
        titles = None if id is not None else {one: store.get(one).title for one in ids}
    if as_json:
        print_json([event_json(event) for event in events])
    elif events:
        print_events(screen(), events, titles)
    else:
        screen().print("no event")
