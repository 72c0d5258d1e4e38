"""Spelling: a text as it reads once its escapes are undone, and where each of its characters stands.

Undone are the escapes of addresses, JSON and HTML, up to two laid over each other, and the ends of lines.
"""

from __future__ import annotations

import bisect
import html
import re

LAYERS = 2

_ESCAPE = re.compile(
    r"%(?P<percent>[2-7][0-9a-f])"
    r"|\\u(?P<json>00[2-7][0-9a-f])"
    r"|(?P<html>&(?:#\d{1,7}|#x[0-9a-f]{1,6}|amp|lt|gt|quot|apos);)"
    r"|\\(?P<slash>/)"
    r"|(?P<end>\\?(?:\r\n?|\n)[ \t]*|(?:\\r)?\\n)",
    re.I,
)
_BEGUN = re.compile(r"(?:%[2-7]?|\\(?:u[0-9a-f]{0,3}|r\\?)?|&(?:#x?[0-9a-f]{0,7}|[a-z]{0,4}))$", re.I)


class Undone:
    """A text without its escapes.

    Attributes:
        text: as it reads.
    """

    def __init__(self, text: str, layers: int = LAYERS) -> None:
        pieces: list[str] = []
        self._marks: list[int] = []
        self._spans: list[tuple[int, int]] = []
        at = length = 0
        for found in _ESCAPE.finditer(text):
            for piece, start, end in ((text[at : found.start()], at, 0), (_meant(found), found.start(), found.end())):
                pieces.append(piece)
                self._marks.append(length)
                self._spans.append((start, end))
                length += len(piece)
            at = found.end()
        pieces.append(text[at:])
        self._marks.append(length)
        self._spans.append((at, 0))
        self.text = "".join(pieces)
        self._further = Undone(self.text, layers - 1) if layers > 1 and at else None
        if self._further is not None:
            self.text = self._further.text

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where a part of it stands in the text as it was written."""
        if self._further is not None:
            start, end = self._further.span(start, end)
        return self._place(start)[0], self._place(end - 1)[1] if end > start else self._place(start)[0]

    def _place(self, at: int) -> tuple[int, int]:
        number = bisect.bisect_right(self._marks, at) - 1
        start, end = self._spans[number]
        return (start, end) if end else (start + at - self._marks[number], start + at - self._marks[number] + 1)


def without_begun(text: str) -> str:
    """A text without an escape at its end that may go on."""
    begun = _BEGUN.search(text, max(0, len(text) - 16))
    return text if begun is None else text[: begun.start()]


def _meant(found: re.Match[str]) -> str:
    if found["html"]:
        return html.unescape(found["html"])
    code = found["percent"] or found["json"]
    return chr(int(code, 16)) if code else found["slash"] or ""
