"""Fitting: text of any length to the bounds of a concept, cut or split at words and never in silence."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

LINE, TITLE = 300, 120


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
