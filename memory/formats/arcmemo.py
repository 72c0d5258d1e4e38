"""ArcMemo's files (arXiv 2509.04439), read as concepts: both of its forms, with the defects that real ones have.

The program-synthesis form is `{concepts: {name: {...}}, solutions: {puzzle: {...}}, custom_types: {name: text}}`,
the open-ended form `{puzzle: [{situation, suggestion}]}`; lists of either, annotations by puzzle and concepts by puzzle
and name are read too.
What can be read is read. Everything else is named in a `Defect`, and nothing here raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pilotage.memory.concept import ConceptDraft, Provenance
from pilotage.memory.errors import InvalidConcept
from pilotage.memory.formats.arcmemo_fields import (
    CONCEPT_KEYS,
    TITLE,
    Fields,
    cut,
    known_name,
    one_line,
    sentences,
    with_known_keys,
)

SOLUTION = "solution"  # subtype of a routine that tells how one puzzle was solved
_KINDS = {"structure": "structure", "routine": "routine", "lesson": "lesson", "type": "type", "types": "type"}
_TYPEDEF = re.compile(r"^\s*([^:=\s][^:=]{0,59}?)\s*:=\s*(.+)$", re.DOTALL)
_LESSON_KEYS = {"situation", "suggestion"}
_KNOWN_KEYS = CONCEPT_KEYS | _LESSON_KEYS | {"pseudocode", "concepts"}
_MAX_GROUPS = 4  # one within the other
_STORE_KEYS = ("concepts", "solutions", "custom_types", "lessons", "categories")


@dataclass(frozen=True)
class Defect:
    """Something that could not be read as it stands: where it is, and what was made of it."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class Entry:
    """A concept that was read, and where."""

    where: str
    draft: ConceptDraft
    provenance: Provenance


class ArcMemoReader:
    """Reads one document; `defects` holds what was wrong with it when `read` has ended."""

    def __init__(self) -> None:
        self.defects: list[Defect] = []
        self._types: dict[str, str] = {}
        self._defined: set[str] = set()

    def read(self, document: Any) -> Iterator[Entry]:
        """The concepts of a document that `load_document` gave, types last."""
        if isinstance(document, list):
            yield from self._list("", document, "")
        elif not isinstance(document, Mapping):
            self._note("file", "holds no memory: an object or a list was expected")
        elif "concepts" in document or _is_store(document):
            yield from self._store(document)
        elif _LESSON_KEYS & (one := with_known_keys(document, _KNOWN_KEYS)).keys() or known_name(one):
            yield from self._item("", one, "")
        else:
            for key, value in document.items():
                yield from self._by_key(str(key), value)
        for name, definition in self._types.items():
            if name not in self._defined:
                yield from self._type(f"typing of {name}", name, definition)

    def _store(self, document: Mapping[Any, Any]) -> Iterator[Entry]:
        for key in document:
            if key not in _STORE_KEYS:
                self._note(str(key), "is not a part of a memory: left out")
        for name, definition in self._mapping(document, "custom_types"):
            yield from self._type(f"custom_types.{name}", name, definition)
        concepts = document.get("concepts")
        if isinstance(concepts, list):
            yield from self._list("concepts", concepts, "")
        else:
            for name, value in self._mapping(document, "concepts"):
                yield from self._item(f"concepts.{name}", value, "", name)
        for puzzle, value in self._mapping(document, "solutions"):
            yield from self._solution(f"solutions.{puzzle}", value, puzzle)
        for puzzle, value in self._mapping(document, "lessons"):
            yield from self._by_key(puzzle, value)

    def _by_key(self, key: str, value: Any) -> Iterator[Entry]:
        """One entry of an object without `concepts`: what is known of a puzzle, or a concept by its name."""
        if isinstance(value, list):
            yield from self._list(key, value, key)
            return
        known = with_known_keys(value, _KNOWN_KEYS) if isinstance(value, Mapping) else {}
        if _is_store(known):
            yield from self._store(known)
        elif _is_group(known):
            yield from self._group(key, known, key)
        elif "concepts" in known or "pseudocode" in known:
            concepts = known.get("concepts")
            yield from self._list(f"{key}.concepts", concepts if isinstance(concepts, list) else [concepts], key)
            if known.get("summary") or known.get("pseudocode"):
                yield from self._solution(key, known, key)
        else:
            yield from self._item(key, value, key if _LESSON_KEYS & known.keys() else "", key)

    def _list(self, where: str, values: list[Any], puzzle: str, depth: int = 0) -> Iterator[Entry]:
        for index, value in enumerate(values):
            yield from self._item(f"{where}[{index}]", value, puzzle, depth=depth)

    def _group(self, where: str, values: Mapping[Any, Any], puzzle: str, depth: int = 0) -> Iterator[Entry]:
        """Concepts by their names, or lists of them."""
        for name, value in values.items():
            if isinstance(value, list):
                yield from self._list(f"{where}.{name}", value, puzzle, depth + 1)
            else:
                yield from self._item(f"{where}.{name}", value, puzzle, str(name), depth + 1)

    def _item(self, where: str, value: Any, puzzle: str, name: str = "", depth: int = 0) -> Iterator[Entry]:
        if isinstance(value, Mapping):
            value = with_known_keys(value, _KNOWN_KEYS)
        if _is_group(value) and depth < _MAX_GROUPS:
            yield from self._group(where, value, puzzle, depth)
        elif not isinstance(value, Mapping):
            shown = "null" if value is None else f"{type(value).__name__} {cut(str(value), 40)!r}"
            self._note(where, f"is {shown} where an object was expected: left out")
        elif _LESSON_KEYS & value.keys():
            yield from self._lesson(where, value, puzzle)
        else:
            yield from self._concept(where, value, puzzle, name)

    def _concept(self, where: str, value: Mapping[Any, Any], puzzle: str, key: str) -> Iterator[Entry]:
        fields = Fields(where, value, self._note)
        name = known_name(value) or one_line(key)
        description = fields.text("description", "summary")
        if not name:
            if not description:
                self._note(where, "has neither a name nor a description: left out")
                return
            self._note(where, "has no name: its description is used")
            name = description
        spelled = fields.text("kind")
        kind = _KINDS.get(spelled.lower())
        if kind is None:
            what = f"has the unknown kind {spelled!r}" if spelled else "has no kind"
            self._note(where, f"{what}: read as a routine")
        used_in = fields.texts("used_in", "usage") or ([puzzle] if puzzle else [])
        draft = {
            "kind": kind or "routine",
            "title": fields.fitted(name, TITLE, "name"),
            "subtype": fields.fitted(fields.text("routine_subtype", "subtype"), 60, "routine_subtype"),
            "description": fields.fitted(description, 1000, "description"),
            "output_typing": fields.fitted(self._typing(fields.text("output_typing", "output")), 80, "output_typing"),
            "parameters": [
                {**one, "typing": fields.fitted(self._typing(one["typing"]), 80, f"typing of {one['name']}")}
                for one in fields.parameters()
            ],
            "cues": fields.bounded(sentences(fields.texts("cues", "relevance_cues")), 16, "cues"),
            "implementation": fields.bounded(fields.lines("implementation", "notes"), 60, "implementation"),
        }
        fields.name_the_rest(CONCEPT_KEYS)
        yield from self._entry(where, draft, used_in)

    def _lesson(self, where: str, value: Mapping[Any, Any], puzzle: str) -> Iterator[Entry]:
        fields = Fields(where, value, self._note)
        situation, suggestion = fields.texts("situation"), fields.texts("suggestion")
        if not any(suggestion):
            self._note(where, "has no suggestion: left out")
            return
        if not any(situation):
            self._note(where, "has no situation: it is found by its suggestion only")
        title = " ".join(situation) or " ".join(suggestion)
        fields.name_the_rest(_LESSON_KEYS)
        draft = {
            "kind": "lesson",
            "title": cut(title, TITLE),
            "cues": fields.bounded(sentences(situation), 16, "situation"),
            "implementation": fields.bounded(sentences(suggestion), 60, "suggestion"),
        }
        yield from self._entry(where, draft, [puzzle] if puzzle else [])

    def _solution(self, where: str, value: Any, puzzle: str) -> Iterator[Entry]:
        if isinstance(value, str):
            value = {"solution": value}
        if not isinstance(value, Mapping):
            self._note(where, "is not an object: left out")
            return
        fields = Fields(where, value, self._note)
        summary = fields.text("summary")
        steps = fields.lines("pseudocode", null=True)
        program = [] if steps else fields.lines("solution", null=True)
        if not (summary or steps or program):
            self._note(where, "has no summary, pseudocode or program: left out")
            return
        draft = {
            "kind": "routine",
            "subtype": SOLUTION,
            "title": cut(summary, TITLE) or f"Solution of {cut(puzzle, 80)}",
            "description": fields.fitted(summary, 1000, "summary"),
            "implementation": fields.bounded(steps or program, 60, "pseudocode" if steps else "solution"),
        }
        yield from self._entry(where, draft, [puzzle])

    def _type(self, where: str, name: str, definition: Any) -> Iterator[Entry]:
        if not isinstance(definition, str) or not definition.strip():
            self._note(where, "has no definition: left out")
            return
        self._defined.add(name)
        fields = Fields(where, {}, self._note)
        definition = fields.fitted(definition, 1000, "definition")
        yield from self._entry(where, {"kind": "type", "title": cut(name, TITLE), "description": definition}, [])

    def _typing(self, text: str) -> str:
        """A typing; `Name := definition` defines a type on the way, as it does in ArcMemo."""
        typedef = _TYPEDEF.match(text)
        if typedef is None:
            return text
        self._types.setdefault(typedef[1], typedef[2].strip())
        return typedef[1]

    def _entry(self, where: str, draft: dict[str, Any], used_in: list[str]) -> Iterator[Entry]:
        used_in = list(dict.fromkeys(cut(task, 200) for task in used_in))[:1000]
        try:
            parsed = ConceptDraft.parse(draft)
        except InvalidConcept as error:
            self._note(where, f"left out: {error.fault}")
            return
        if not any((parsed.description, parsed.parameters, parsed.output_typing, parsed.cues, parsed.implementation)):
            self._note(where, "says nothing but its name: left out")
            return
        origin = Provenance(task_id=used_in[0] if used_in else "", used_in=tuple(used_in))
        yield Entry(where, parsed, origin)

    def _mapping(self, document: Mapping[Any, Any], key: str) -> list[tuple[str, Any]]:
        value = document.get(key)
        if isinstance(value, Mapping):
            return [(str(name), one) for name, one in value.items()]
        if key in document:
            self._note(key, "is null: read as empty" if value is None else "is not an object: left out")
        return []

    def _note(self, where: str, what: str) -> None:
        self.defects.append(Defect(cut(where, 80) or "file", what))


def _is_store(value: Mapping[Any, Any]) -> bool:
    """Whether an object is a memory: it has a part that no puzzle and no concept has."""
    return any(isinstance(value.get(part), Mapping) for part in ("solutions", "custom_types"))


def _is_group(value: Any) -> bool:
    """Whether an object holds concepts rather than being one: no key is a concept's, and each value holds something."""
    return (
        isinstance(value, Mapping)
        and bool(value)
        and not _KNOWN_KEYS & value.keys()
        and all(isinstance(one, (Mapping, list)) for one in value.values())
    )
