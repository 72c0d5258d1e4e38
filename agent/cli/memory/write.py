"""`pilotage memory add|edit|merge|forget|restore|undo`: every change is an event, and can be undone."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

import typer

from pilotage.agent.cli.command import Output
from pilotage.agent.cli.memory.options import CAUSE, ID, IndexedStoreOptions, StoreOptions, named, new_run
from pilotage.agent.cli.memory.printing import concept_json, print_events, print_held, short
from pilotage.agent.cli.terminal import plain
from pilotage.agent.errors import UsageError
from pilotage.common.paths import expanded

if TYPE_CHECKING:
    from pilotage.agent.cli.screen import Screen
    from pilotage.memory import Concept
    from pilotage.memory.concept import Status

_LISTS = frozenset(("cues", "implementation", "keywords", "parameters"))
_HEAD = "# Edit, save and close. An empty file or one that is not changed leaves the concept as it is.\n"
_OUTCOMES = {
    "added": ("added", ""),
    "known": ("known", "  [dim]exactly this was there already[/]"),
    "same text": (
        "known",
        "  [dim]was there already but for a first capital, blanks or a full stop; --anyway adds this one too[/]",
    ),
}


def add(
    file: str | None = typer.Argument(
        None, help="JSON or YAML file with a concept or a list of them; - reads standard input."
    ),
    title: str | None = typer.Option(None, help="Name of the method."),
    kind: str = typer.Option("routine", help="structure, routine, lesson or type."),
    description: str = typer.Option("", help="What it is."),
    cue: list[str] | None = typer.Option(None, help="When it applies; may be given several times."),
    step: list[str] | None = typer.Option(None, help="What to do; may be given several times."),
    trusted: bool = typer.Option(False, "--trusted", help="You vouch for it. (default: provisional)"),
    anyway: bool = typer.Option(
        False, "--anyway", help="Also where a stored one differs in a first capital, blanks or a full stop."
    ),
    cause: str = CAUSE,
    *,
    options: IndexedStoreOptions,
) -> Output:
    """Add a concept from options, or one or more from a file."""
    from pilotage.memory import ConceptDraft

    if (file is None) == (title is None):
        raise UsageError("give either a file (- for standard input) or --title with --cue and --step")
    if file is not None:
        drafts = [ConceptDraft.parse(one) for one in _objects(file)]
    else:
        given = {"title": title, "kind": kind, "description": description, "cues": cue, "implementation": step}
        drafts = [ConceptDraft.parse({key: value for key, value in given.items() if value is not None})]
    with options.open(creates=True) as store:
        status: Status = "trusted" if trusted else "provisional"
        made = store.propose(drafts, cause=cause, run=new_run("add"), status=status, allow_duplicate=anyway)
        stored = [store.get(one.id) for one in made]
    outcomes = [(concept, one.outcome) for concept, one in zip(stored, made, strict=True)]

    def show(console: Screen) -> None:
        for concept, outcome in outcomes:
            console.print_line(_line(concept, *_OUTCOMES[outcome]))
            print_held(console, concept.draft)

    return Output([concept_json(concept) | {"outcome": outcome} for concept, outcome in outcomes], show)


def edit(
    id: str = ID,
    set_: list[str] | None = typer.Option(
        None, "--set", metavar="FIELD=VALUE", help="A field's new value; a list as JSON, or one item a line."
    ),
    file: str | None = typer.Option(None, help="JSON or YAML file with the fields to change; - for stdin."),
    show_anyway: bool = typer.Option(
        False, "--show-anyway", help="You have read it: models are shown all of it, as it is then."
    ),
    cause: str = CAUSE,
    *,
    options: IndexedStoreOptions,
) -> Output:
    """Change a concept: by --set, from a file, or in $EDITOR."""
    if set_ and file is not None:
        raise UsageError("give either --set or --file")
    with options.open() as store:
        before = store.get(store.find_id(id))
        if set_:
            changes = _changes_from_flags(set_)
        elif file is not None:
            objects = _objects(file)
            if len(objects) != 1:
                raise UsageError(f"{file} has {len(objects)} concepts where one was expected")
            changes = objects[0]
        elif show_anyway:
            changes = {}
        else:
            changes = _changes_from_editor(before)
        after = before
        if changes:
            after = store.revise(before.id, changes, cause=cause, expected_version=before.version)
        if show_anyway:
            after = store.vouch(before.id, cause=cause)

    def show(console: Screen) -> None:
        if after == before:
            console.print("nothing was changed")
            return
        console.print_line(_line(after, "changed", f"  [dim]version {after.version}[/]"))
        print_held(console, after)

    return Output(concept_json(after), show)


def merge(
    keep: str = typer.Argument(..., metavar="KEEP", help="The concept that stays."),
    others: list[str] = typer.Argument(..., metavar="OTHER", help="Those that become part of it."),
    cause: str = CAUSE,
    *,
    options: IndexedStoreOptions,
) -> Output:
    """Make one concept of several; the others are retired and point to it, their outcomes are added up."""
    run = new_run("merge")
    with options.open() as store:
        gone = [store.find_id(other) for other in others]
        merged = store.merge(store.find_id(keep), gone, cause=cause, run=run)
        effect = bool(store.events(1, run=run))
    if effect:
        text = _line(merged, "merged", f"  [dim]{len(gone)} into it[/]") + _undo_hint(run, options)
    else:
        text = _line(merged, "merged", "  [dim]they were merged before[/]")
    return Output(concept_json(merged), text)


def change(
    action: Literal["forget", "restore"],
    ids: list[str] = typer.Argument(..., metavar="ID", help="Ids, or their starts."),
    cause: str = CAUSE,
    *,
    options: StoreOptions,
) -> Output:
    """Retires or restores some concepts as one run, after every id was found."""
    run = new_run(action)
    with options.open() as store:
        for id in (full := [store.find_id(one) for one in ids]):
            (store.forget if action == "forget" else store.restore)(id, cause=cause, run=run)
        changed = [store.get(id) for id in full]
    text = "\n".join(_line(concept, concept.status) for concept in changed) + _undo_hint(run, options)
    return Output([concept_json(concept) for concept in changed], text)


def undo(
    event: int | None = typer.Argument(
        None, metavar="EVENT", help="Number of an event; see `history`.", show_default=False
    ),
    run: str | None = typer.Option(None, help="Undo everything that this run did."),
    cause: str = CAUSE,
    *,
    options: IndexedStoreOptions,
) -> Output:
    """Take back an event or a whole run. The history keeps both; an undo can be undone."""
    if (event is None) == (run is None):
        raise UsageError("give either the number of an event or --run RUN; `pilotage memory history` shows both")
    from pilotage.agent.experience.undoing import FEEDBACK, undo_run
    from pilotage.memory.edits.undo import REDO

    with options.open() as store:
        done = store.undo(event, cause=cause) if event is not None else undo_run(store, run or "", cause=cause)
        titles = store.titles(one.concept_id for one in done)

    def show(console: Screen) -> None:
        if done:
            print_events(console, done, titles)
        if run is not None and run.startswith(REDO):
            console.print_line("brought back")
        elif run is not None and not run.startswith(FEEDBACK):
            console.print_line(f"taken back; [dim]{plain(options.undo_command(f'{REDO}{run}'))} brings it back[/]")

    return Output([asdict(one) for one in done], show)


def _objects(file: str) -> list[Any]:
    """The objects of a JSON or YAML file, or of standard input."""
    from pilotage.memory.formats.documents import MAX_BYTES, load_document

    if file == "-":
        document = load_document(sys.stdin.buffer.read(MAX_BYTES + 1), "the input")
    else:
        with named(file), expanded(file).open("rb") as stream:
            document = load_document(stream.read(MAX_BYTES + 1), file)
    return document if isinstance(document, list) else [document]


def _line(concept: Concept, what: str, note: str = "") -> str:
    return f"[green]{what}[/]  {plain(short(concept.id))}  {plain(concept.title)}{note}"


def _undo_hint(run: str, options: StoreOptions) -> str:
    return f"\n[dim]{plain(options.undo_command(run))} takes it back[/]"


def _changes_from_flags(assignments: list[str]) -> dict[str, Any]:
    """Fields to values; a list is JSON, or one item a line."""
    from pilotage.common.json_text import NotJson, read_json
    from pilotage.memory import ConceptDraft

    changes: dict[str, Any] = {}
    for assignment in assignments:
        field, equals, value = assignment.partition("=")
        field = field.strip()
        if not equals:
            raise UsageError(f"--set takes FIELD=VALUE, not '{assignment}'")
        if field not in ConceptDraft.model_fields:
            known = ", ".join(ConceptDraft.model_fields)
            raise UsageError(f"a concept's content has no field '{field}': choose from {known}")
        if field not in _LISTS:
            changes[field] = value
        elif value.lstrip().startswith("["):
            try:
                changes[field] = read_json(value)
            except NotJson as error:
                raise UsageError(f"--set {field}: not valid JSON ({error})") from None
        else:
            changes[field] = [line for line in value.splitlines() if line.strip()]
    return changes


def _changes_from_editor(concept: Concept) -> dict[str, Any]:
    """The fields that a person changed in $EDITOR; the concept is shown as YAML."""
    import click
    import yaml

    from pilotage.memory.formats.documents import load_document

    draft = concept.draft.model_dump(mode="json")
    text = _HEAD + yaml.safe_dump(draft, sort_keys=False, allow_unicode=True, width=100)
    try:
        edited = click.edit(text, extension=".yaml")
    except click.ClickException as error:
        raise UsageError(f"no editor could be used ({error.message}): set $EDITOR, or use --set or --file") from None
    content = edited is not None and any(line.strip() and line[0] != "#" for line in edited.splitlines())
    if edited is None or not content:
        return {}
    document = load_document(edited.encode(), "the edited text")
    if not isinstance(document, dict):
        raise UsageError("the edited text is no concept: keep its 'field: value' lines")
    before = load_document(text.encode(), "the concept")
    return {field: value for field, value in document.items() if before.get(field) != value}
