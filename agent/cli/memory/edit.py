"""What `pilotage memory edit` changes: from FIELD=VALUE, or from a concept in an editor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pilotage.memory import Concept

_LISTS = frozenset(("cues", "implementation", "keywords", "parameters"))
_HEAD = "# Edit, save and close. An empty file or one that is not changed leaves the concept as it is.\n"


def changes_from_flags(assignments: list[str]) -> dict[str, Any]:
    """Fields to values; a list is JSON, or one item a line."""
    from pilotage.agent.errors import UsageError
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


def changes_from_editor(concept: Concept) -> dict[str, Any]:
    """The fields that a person changed in $EDITOR; the concept is shown as YAML."""
    import click
    import yaml

    from pilotage.agent.errors import UsageError
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
