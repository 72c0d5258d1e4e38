"""`pilotage memory list|show|search|history`: look, change nothing."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from pilotage.agent.cli.command import Output
from pilotage.agent.cli.memory.options import ID, IndexedStoreOptions, StoreOptions
from pilotage.agent.cli.memory.printing import (
    concept_json,
    print_concept,
    print_concepts,
    print_events,
    print_held,
    short,
)
from pilotage.agent.errors import UsageError

if TYPE_CHECKING:
    from pilotage.agent.cli.screen import Screen

_FOUND = 5  # by a search that no --limit bounds


def list_concepts(
    kind: str | None = typer.Option(None, help="structure, routine, lesson or type."),
    status: str | None = typer.Option(None, help="provisional, trusted or retired. (default: all but retired)"),
    sort: str = typer.Option("added", help="added, changed, title, seen, recalled, helped, harmed or posterior."),
    limit: int = typer.Option(50, min=1, help="At most so many."),
    offset: int = typer.Option(0, min=0, help="Pass over so many."),
    *,
    options: StoreOptions,
) -> Output:
    """List concepts."""
    from pilotage.memory.errors import InvalidConcept

    filters: dict[str, Any] = {"kind": kind, "status": status}
    with options.open() as store:
        try:
            concepts = store.browse(**filters, sort=sort, limit=limit + 1, offset=offset)  # type: ignore[arg-type]
        except InvalidConcept as error:  # a filter is: nothing is written here
            raise UsageError(str(error)) from None
        before = len(store.browse(**filters, limit=1)) if not concepts and offset else 0
        figures = store.stats()
    page = concepts[:limit]

    def show_page(console: Screen) -> None:
        if page:
            print_concepts(console, page)
            if len(concepts) > limit:
                total = "" if kind or status else f" of {figures.concepts}"
                console.print(f"[dim]{len(page)}{total} concepts; --limit and --offset show others[/]")
        elif before:
            console.print(f"there are not more than {offset} such concepts: give a smaller --offset")
        elif figures.concepts or status or kind:
            console.print("no such concept" if figures.concepts or figures.retired else "the memory is empty")
        elif figures.retired:
            console.print(f"all {figures.retired} concepts are retired: --status retired shows them")
        else:
            console.print("the memory is empty")

    return Output([concept_json(concept) for concept in page], show_page)


def show(id: str = ID, *, options: StoreOptions) -> Output:
    """Show a concept as a prompt would, and what is known of it: credit, provenance, history."""
    with options.open() as store:
        concept = store.get(store.find_id(id))
        history = store.history(concept.id)
    data = {**concept_json(concept), "history": [asdict(event) for event in history]}
    return Output(data, lambda console: print_concept(console, concept, history))


def search(
    text: str = typer.Argument(..., help="A task, or words."),
    limit: int | None = typer.Option(None, min=1, help="At most so many. (default: 5; as an agent with --recall)"),
    recall: bool = typer.Option(
        False, "--recall", help="What an agent would recall, and the prompt that it would see; longer with --limit."
    ),
    *,
    options: IndexedStoreOptions,
) -> Output:
    """Search by meaning and by words."""
    from pilotage.agent.kit import HINT_TOKENS
    from pilotage.agent.learning.recalling import CONCEPTS_PER_RECALL

    most = limit or (CONCEPTS_PER_RECALL if recall else _FOUND)
    with options.open() as store:
        hits = list(store.recall(text, most).hits if recall else store.search(text, most))
        prompt = store.render(hits if recall else (), max(HINT_TOKENS, HINT_TOKENS * most // CONCEPTS_PER_RECALL))
    concepts = [hit.concept for hit in hits]

    def show_hits(console: Screen) -> None:
        if not hits:
            console.print("nothing near enough: the agent gets no hint" if recall else "nothing found")
            return
        print_concepts(console, concepts, ("similarity", [f"{hit.similarity:.2f}" for hit in hits]))
        if recall:
            console.print_line(f"\n{prompt.text}", markup=False)
            for one in concepts:
                print_held(console, one)
            if prompt.left_out:
                console.print(f"[dim]without {', '.join(map(short, prompt.left_out))}: no room, or never shown[/]")

    data = [{"similarity": hit.similarity, "score": hit.score, "concept": concept_json(hit.concept)} for hit in hits]
    return Output({"hits": data, "prompt": prompt.text, "left_out": prompt.left_out} if recall else data, show_hits)


def history(
    id: str | None = typer.Argument(None, metavar="ID", help="A concept. (default: all of them)", show_default=False),
    limit: int = typer.Option(20, min=1, help="The last so many events."),
    run: str | None = typer.Option(None, help="Only the events of this run."),
    *,
    options: StoreOptions,
) -> Output:
    """Show what happened: to one concept, in one run, or to the whole memory."""
    with options.open() as store:
        if id is not None:
            events = [event for event in store.history(store.find_id(id)) if run in (None, event.run)][-limit:]
        else:
            events = store.events(limit, run=run)
        titles = None if id is not None else store.titles(event.concept_id for event in events)
    return Output(
        [asdict(event) for event in events],
        (lambda console: print_events(console, events, titles)) if events else "no event",
    )
