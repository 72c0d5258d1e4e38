"""Quoting: text of a memory as data inside a prompt, which it can neither leave nor pass for a part of.

Nothing here judges what a text means. Whatever a prompt is built of (tags, chat templates, fences, roles, the mark of
an answer) is turned into something that looks alike and is none, so the same holds for every text, whoever wrote it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_JOINERS = "\u200c\u200d"  # they shape letters of some scripts and emoji, and hide between Latin letters
_HIDDEN = re.compile(
    rf"(?<![^\x00-\u024f])[{_JOINERS}]+|[{_JOINERS}]+(?![^\x00-\u024f])|[\U000e0100-\U000e01ef]"  # the last carry bytes
)
_OWN = re.compile(r"<[\s/]*notes(?:\s*/?\s*>)?", re.IGNORECASE)
_TAG = re.compile(
    r"<((?:\s*/\s*|[!?]?)[A-Za-z][\w:.-]*(?:\s+[\w:.-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s<>\"']+))*\s*/?)\s*>|<\s*(/\s*\w*)"
)
_TEMPLATE = re.compile(r"<+\s*[|\uff5c]|[|\uff5c]\s*>+|<<+(?=\s*/?\s*SYS)|(?<=SYS)\s*>>+", re.IGNORECASE)
_BRACKETED = re.compile(
    r"\[\s*(/?\s*(?:INST|SYS|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|THINK))\s*\]",
    re.IGNORECASE,
)
_FENCE = re.compile(r"`{3,}|~{3,}")
_ROLE = re.compile(
    r"^([\s>*_\-\"'(\[#]*(?:system|assistant|user|human|developer|tool|ai|(?:final )?answer)[*_\"')\]]*)"
    r"\s*[:\uff1a]",
    re.IGNORECASE,
)
_HEADING = re.compile(r"^(\s*)#{2,}")


def quoted(text: str) -> str:
    """The text as one line of data: its indent stays, and so does what a program is made of."""
    line = _FENCE.sub("", _HIDDEN.sub("", _visible(text))).rstrip()
    line = _OWN.sub("(notes)", line)
    line = _TEMPLATE.sub(lambda mark: "(" if mark[0].startswith("<") else ")", line)
    line = _TAG.sub(lambda tag: f"({tag[1]})" if tag[1] else f"({tag[2]}", line)
    line = _BRACKETED.sub(r"(\1)", line)
    return _HEADING.sub(r"\1#", _ROLE.sub(r"\1 -", line))


def quoted_lines(texts: Iterable[str]) -> list[str]:
    """Texts as lines of data, without those that are empty then."""
    return [line for line in map(quoted, texts) if line.strip()]


def quoted_text(text: str) -> str:
    """A text of several lines, each of them as data."""
    return "\n".join(map(quoted, text.splitlines()))


def _visible(text: str) -> str:
    """The text on one line: controls and line ends as blanks, invisible characters and lone surrogates left out."""
    return "".join(" " if _breaks(mark) else mark for mark in text if mark in _JOINERS or not _invisible(mark))


def _breaks(mark: str) -> bool:
    return unicodedata.category(mark) in ("Cc", "Zl", "Zp")


def _invisible(mark: str) -> bool:
    return unicodedata.category(mark) in ("Cf", "Cs", "Co")
