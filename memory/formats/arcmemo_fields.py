"""Fields of an ArcMemo concept: text out of whatever a model once wrote into a JSON or YAML field.

Text of any length is fitted to the bounds of a concept, cut or split at words and never in silence.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

LINE, TITLE = 300, 120

CONCEPT_KEYS = frozenset(
    "name concept title kind routine_subtype subtype output_typing output description summary parameters cues "
    "relevance_cues implementation notes used_in usage".split()
)
_PARAMETER_KEYS = frozenset(("name", "typing", "type", "description"))
_NAMES = ("name", "concept", "title")
_MAX_DEPTH = 4

Note = Callable[[str, str], None]


def known_name(value: Mapping[Any, Any]) -> str:
    """The name that a concept gives itself, or nothing."""
    for key in _NAMES:
        if isinstance(value.get(key), (str, int, float)) and one_line(str(value[key])):
            return one_line(str(value[key]))
    return ""


def with_known_keys(value: Mapping[Any, Any], known: Collection[str]) -> Mapping[Any, Any]:
    """The same object, with the keys that mean a known one spelled as it is: `Output Typing` is `output_typing`."""
    spelled = {key: "_".join(str(key).lower().replace("-", " ").split()) for key in value}
    meant = {key: name if name in known and name not in value else key for key, name in spelled.items()}
    return {meant[key]: one for key, one in value.items()}


class Fields:
    """The fields of one object. Whatever is not as it should be goes to `note`, with `where` and a sentence."""

    def __init__(self, where: str, value: Mapping[Any, Any], note: Note) -> None:
        self._where = where
        self._value = value
        self._note_at = note

    def text(self, key: str, *others: str) -> str:
        """A field's text; the first of `others` that is there stands in for a field that is missing."""
        used, value = self._find(key, others)
        if isinstance(value, str):
            return one_line(value)
        self._note(f"{used} is {_sort(value)}: read as text")
        if isinstance(value, Mapping):  # {typing: ..., description: ...} where a typing was due
            value = value.get("typing") or value.get("type") or value.get("name") or value
        return one_line(_plain(value))

    def texts(self, key: str, *others: str, null: bool = False) -> list[str]:
        """A field's list of texts; a lone text is a list of one. With `null`, null is no defect."""
        used, value = self._find(key, others)
        if value == "":
            if key in self._value and self._value[key] is None and not null:
                self._note(f"{key} is null: read as an empty list")
            return []
        if isinstance(value, str):
            value = [value]
        elif isinstance(value, Mapping):
            self._note(f"{used} is an object: read as a list")
            value = [{name: one} for name, one in value.items()]
        elif not isinstance(value, list):
            self._note(f"{used} is {_sort(value)}: read as a list of one")
            value = [value]
        out: list[str] = []
        for index, one in enumerate(value):
            if isinstance(one, str):
                out.append(one)
            elif one is None:
                self._note(f"{used}[{index}] is null: left out")
            else:
                self._note(f"{used}[{index}] is {_sort(one)}: read as text")
                out.append(_plain(one))
        return [text for text in out if text.strip()]

    def lines(self, key: str, *others: str, null: bool = False) -> list[str]:
        """The lines of a field's texts."""
        return [line for text in self.texts(key, *others, null=null) for line in split(text)]

    def parameters(self) -> list[dict[str, str]]:
        """The field `parameters`, each with name, typing and description."""
        value = self._value.get("parameters")
        if isinstance(value, Mapping):
            self._note("parameters is an object: its keys are read as names")
            value = [
                {"name": name, **(one if isinstance(one, Mapping) else {"typing": one})} for name, one in value.items()
            ]
        elif value is None and "parameters" in self._value:
            self._note("parameters is null: read as an empty list")
        elif value is not None and not isinstance(value, list):
            self._note(f"parameters is {_sort(value)}: left out")
        items = value if isinstance(value, list) else []
        parameters = [one for index, item in enumerate(items) if (one := self._parameter(index, item)) is not None]
        if len(parameters) > 12:
            self._note(f"parameters has {len(parameters)}: the first 12 are kept")
        return parameters[:12]

    def fitted(self, text: str, length: int, field: str) -> str:
        """The text, cut to a length."""
        if len(text) > length:
            self._note(f"{field} has {len(text):,} characters: cut to {length:,}")
        return cut(text, length)

    def bounded(self, lines: list[str], most: int, field: str) -> list[str]:
        """The lines, cut to a number."""
        if len(lines) > most:
            self._note(f"{field} has {len(lines)} lines: the first {most} are kept")
        return lines[:most]

    def name_the_rest(self, known: Collection[str]) -> None:
        """Note the fields that nothing was read from."""
        for key, value in self._value.items():
            if key not in known and value not in (None, "", [], {}):
                self._note(f"the field {cut(str(key), 40)!r} is not known: left out")

    def _parameter(self, index: int, item: Any) -> dict[str, str] | None:
        if not isinstance(item, Mapping):
            if item is None:
                self._note(f"parameters[{index}] is null: left out")
                return None
            self._note(f"parameters[{index}] is {_sort(item)}: read as name and typing")
            name, _, typing = _plain(item).partition(":")
            item = {"name": name, "typing": typing}
        item = with_known_keys(item, _PARAMETER_KEYS)
        name = one_line(_plain(item.get("name") or ""))
        if not name:
            name = f"p{index + 1}"
            self._note(f"parameters[{index}] has no name: called {name}")
        texts = {"typing": item.get("typing") or item.get("type") or "", "description": item.get("description") or ""}
        plain = {key: one_line(_plain(text)) for key, text in texts.items()}
        typing = plain["typing"]  # may still be 'Name := definition', which is longer than a typing
        description = self.fitted(plain["description"], 200, f"parameters[{index}].description")
        return {"name": cut(name, 60), "typing": typing, "description": description}

    def _find(self, key: str, others: Collection[str]) -> tuple[str, Any]:
        """The first of these fields that is there, and its value; no text where there is none."""
        for name in (key, *others):
            value = self._value.get(name)
            if value is not None:
                if name != key:
                    self._note(f"{name!r} is read as {key!r}")
                return name, value
        return key, ""

    def _note(self, what: str) -> None:
        self._note_at(self._where, what)


def _plain(value: Any, depth: int = 0) -> str:
    """Any value as words: `key: value` for objects, `a; b` for lists."""
    if isinstance(value, (Mapping, list)) and depth >= _MAX_DEPTH:
        return "..."
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_plain(one, depth + 1)}" for key, one in value.items())
    if isinstance(value, list):
        return "; ".join(_plain(one, depth + 1) for one in value)
    return "" if value is None else str(value)


def _sort(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "a truth value", int: "a number", float: "a number"}
    return names.get(type(value), "something else")


def one_line(text: str) -> str:
    """The text without line breaks, repeated blanks and characters that no database keeps."""
    return " ".join(text.replace("\0", " ").split())


def cut(text: str, length: int) -> str:
    """At most `length` characters, cut at a word and ended by dots."""
    text = one_line(text)
    if len(text) <= length:
        return text
    short = text[: length - 4].rsplit(" ", 1)[0] if " " in text[: length - 4] else text[: length - 4]
    return f"{short} ..."


def split(text: str) -> list[str]:
    """The lines of a text; one over `LINE` characters becomes several, and its indent is kept."""
    lines: list[str] = []
    for line in text.replace("\0", " ").splitlines():
        line = line.rstrip()
        if len(line) <= LINE:
            lines += [line] if line.strip() else []
            continue
        indent = line[: len(line) - len(line.lstrip())][: LINE // 2]
        lines += textwrap.wrap(line.strip(), LINE, initial_indent=indent, subsequent_indent=indent)
    return lines


def sentences(texts: Iterable[str]) -> list[str]:
    """Texts as single lines, each at most `LINE` characters long."""
    return [part for text in texts for part in textwrap.wrap(one_line(text), LINE)]
