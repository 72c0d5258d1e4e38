"""`pilotage memory add|edit|merge|forget|restore|undo`: every change is an event, and can be undone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pilotage.agent.cli.memory.open import (
    AsJson,
    Cause,
    Embedder,
    Index,
    Memory,
    Namespace,
    named,
    new_run,
    open_store,
    undo_command,
)
from pilotage.agent.cli.terminal import plain, print_json, screen
from pilotage.common.paths import expanded

if TYPE_CHECKING:
    from pilotage.memory import Concept
    from pilotage.memory.concept import Status

_TOLD = {
    "added": ("added", ""),
    "known": ("known", "  [dim]exactly this was there already[/]"),
    "same text": (
        "known",
        "  [dim]was there already but for a first capital, blanks or a full stop; --anyway adds this one too[/]",
    ),
}


def add(
    file: Annotated[
        str | None, typer.Argument(help="JSON or YAML file with a concept or a list of them; - reads standard input.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Name of the method.")] = None,
    kind: Annotated[str, typer.Option(help="structure, routine, lesson or type.")] = "routine",
    description: Annotated[str, typer.Option(help="What it is.")] = "",
    cue: Annotated[list[str] | None, typer.Option(help="When it applies; may be given several times.")] = None,
    step: Annotated[list[str] | None, typer.Option(help="What to do; may be given several times.")] = None,
    trusted: Annotated[bool, typer.Option("--trusted", help="You vouch for it. (default: provisional)")] = False,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Also where a stored one differs in a first capital, blanks or a full stop."),
    ] = False,
    cause: Cause = "",
    memory: Memory = None,
    namespace: Namespace = "default",
    embedder: Embedder = None,
    index: Index = None,
    as_json: AsJson = False,
) -> None:
    """Add a concept from options, or one or more from a file."""
    from pilotage.agent.cli.memory.printing import concept_json, held_json, print_held
    from pilotage.agent.errors import UsageError
    from pilotage.memory import ConceptDraft

    if (file is None) == (title is None):
        raise UsageError("give either a file (- for standard input) or --title with --cue and --step")
    if file is not None:
        drafts = [ConceptDraft.parse(one) for one in _objects(file)]
    else:
        said = {"title": title, "kind": kind, "description": description, "cues": cue, "implementation": step}
        drafts = [ConceptDraft.parse({key: value for key, value in said.items() if value is not None})]
    with open_store(memory, namespace, embedder, index=index, embeds=True, creates=True) as store:
        status: Status = "trusted" if trusted else "provisional"
        made = store.propose(drafts, cause=cause, run=new_run("add"), status=status, allow_duplicate=anyway)
        stored = [store.get(one.id) for one in made]
    if as_json:
        told = zip(stored, made, strict=True)
        print_json([concept_json(concept) | {"outcome": one.outcome} | held_json(concept) for concept, one in told])
        return
    for concept, one in zip(stored, made, strict=True):
        _line(concept, *_TOLD[one.outcome])
        print_held(screen(), one.draft)


def edit(
    id: Annotated[str, typer.Argument(metavar="ID", help="Id of a concept, or the start of it.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="A field's new value; a list as JSON, or one item a line."),
    ] = None,
    file: Annotated[str | None, typer.Option(help="JSON or YAML file with the fields to change; - for stdin.")] = None,
    show_anyway: Annotated[
        bool, typer.Option("--show-anyway", help="You have read it: models are shown all of it, as it is then.")
    ] = False,
    cause: Cause = "",
    memory: Memory = None,
    namespace: Namespace = "default",
    embedder: Embedder = None,
    index: Index = None,
    as_json: AsJson = False,
) -> None:
    """Change a concept: by --set, from a file, or in $EDITOR."""
    from pilotage.agent.cli.memory.edit import changes_from_editor, changes_from_flags
    from pilotage.agent.cli.memory.printing import concept_json, held_json, print_held
    from pilotage.agent.errors import UsageError

    if set_ and file is not None:
        raise UsageError("give either --set or --file")
    with open_store(memory, namespace, embedder, index=index, embeds=True) as store:
        before = store.get(store.find_id(id))
        if set_:
            changes = changes_from_flags(set_)
        elif file is not None:
            found = _objects(file)
            if len(found) != 1:
                raise UsageError(f"{file} has {len(found)} concepts where one was expected")
            changes = found[0]
        elif show_anyway:
            changes = {}
        else:
            changes = changes_from_editor(before)
        after = before
        if changes:
            after = store.revise(before.id, changes, cause=cause, expected_version=before.version)
        if show_anyway:
            after = store.vouch(before.id, cause=cause)
    if as_json:
        print_json(concept_json(after) | held_json(after))
    elif after == before:
        screen().print("nothing was changed")
    else:
        _line(after, "changed", f"  [dim]version {after.version}[/]")
        print_held(screen(), after)


def merge(
    keep: Annotated[str, typer.Argument(metavar="KEEP", help="The concept that stays.")],
    others: Annotated[list[str], typer.Argument(metavar="OTHER", help="Those that become part of it.")],
    cause: Cause = "",
    memory: Memory = None,
    namespace: Namespace = "default",
    embedder: Embedder = None,
    index: Index = None,
    as_json: AsJson = False,
) -> None:
    """Make one concept of several; the others are retired and point to it, their outcomes are added up."""
    from pilotage.agent.cli.memory.printing import concept_json

    run = new_run("merge")
    with open_store(memory, namespace, embedder, index=index, embeds=True) as store:
        gone = [store.find_id(other) for other in others]
        merged = store.merge(store.find_id(keep), gone, cause=cause, run=run)
        effect = bool(store.events(1, run=run))
    if as_json:
        print_json(concept_json(merged))
        return
    _line(merged, "merged", f"  [dim]{len(gone)} into it[/]" if effect else "  [dim]they were merged before[/]")
    if effect:
        _undo_hint(run, memory, namespace)


def forget(
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Ids, or their starts.")],
    cause: Cause = "",
    memory: Memory = None,
    namespace: Namespace = "default",
    as_json: AsJson = False,
) -> None:
    """Retire concepts: no search finds them, the history keeps them."""
    _change("forget", ids, cause, memory, namespace, as_json)


def restore(
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Ids, or their starts.")],
    cause: Cause = "",
    memory: Memory = None,
    namespace: Namespace = "default",
    as_json: AsJson = False,
) -> None:
    """Bring retired concepts back, as provisional."""
    _change("restore", ids, cause, memory, namespace, as_json)


def undo(
    event: Annotated[
        int | None, typer.Argument(metavar="EVENT", help="Number of an event; see `history`.", show_default=False)
    ] = None,
    run: Annotated[str | None, typer.Option(help="Undo everything that this run did.")] = None,
    cause: Cause = "",
    memory: Memory = None,
    namespace: Namespace = "default",
    embedder: Embedder = None,
    as_json: AsJson = False,
) -> None:
    """Take back an event or a whole run. The history keeps both; an undo can be undone."""
    from pilotage.agent.cli.memory.printing import event_json, print_events
    from pilotage.agent.errors import UsageError

    if (event is None) == (run is None):
        raise UsageError("give either the number of an event or --run RUN; `pilotage memory history` shows both")
    with open_store(memory, namespace, embedder, embeds=True) as store:
        done = store.undo(event, cause=cause) if event is not None else store.undo_run(run or "", cause=cause)
        titles = {one.concept_id: store.get(one.concept_id).title for one in done}
    if as_json:
        print_json([event_json(one) for one in done])
    else:
        print_events(screen(), done, titles)


def _change(action: str, ids: list[str], cause: str, memory: str | None, namespace: str, as_json: bool) -> None:
    """Retires or restores some concepts as one run, after every id was found."""
    from pilotage.agent.cli.memory.printing import concept_json

    run = new_run(action)
    with open_store(memory, namespace) as store:
        for id in (full := [store.find_id(one) for one in ids]):
            (store.forget if action == "forget" else store.restore)(id, cause=cause, run=run)
        changed = [store.get(id) for id in full]
    if as_json:
        print_json([concept_json(concept) for concept in changed])
        return
    for concept in changed:
        _line(concept, concept.status)
    _undo_hint(run, memory, namespace)


def _objects(file: str) -> list[Any]:
    """The objects of a JSON or YAML file, or of standard input."""
    from pilotage.memory.formats.documents import MAX_BYTES, load_document

    if file == "-":
        document = load_document(sys.stdin.buffer.read(MAX_BYTES + 1), "the input")
    else:
        with named(file), expanded(file).open("rb") as stream:
            document = load_document(stream.read(MAX_BYTES + 1), file)
    return document if isinstance(document, list) else [document]


def _line(concept: Concept, what: str, note: str = "") -> None:
    from pilotage.agent.cli.memory.printing import short

    screen().print(f"[green]{what}[/]  {plain(short(concept.id))}  {plain(concept.title)}{note}", soft_wrap=True)


def _undo_hint(run: str, memory: str | None, namespace: str) -> None:
    screen().print(f"[dim]{plain(undo_command(run, memory, namespace))} takes it back[/]", soft_wrap=True)
