r"""Quoting: text of a memory as data inside a prompt, which it can neither leave nor pass for a control token.

Nothing here judges what a text means, and code reaches the model as it is. Marked are only the tags of the prompt's own
quotations, what tokenizers of known models turn into control tokens, and what nobody can see. A mark is one backslash
after the first character (`<\/notes>`), or the character's escape (`\x1b`), so nothing is lost and it can be undone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_JOINERS = "\u200c\u200d"  # they shape letters of some scripts and emoji, and hide between Latin letters
_HIDDEN = re.compile(
    rf"(?<![^\x00-\u024f])[{_JOINERS}]+|[{_JOINERS}]+(?![^\x00-\u024f])|[\U000e0100-\U000e01ef]"  # the last carry bytes
)
_LINE_END = re.compile(r"\r\n?|\n")
# Tags around what the prompts of this package quote; of the others, only the end would let a text out.
_OWN = r"\s{0,9}/?\s{0,9}notes\b|\s{0,9}/\s{0,9}(?:task|solution|critique|misled|right|evidence|new|failed)\b"
_CONTROL = (
    r"\|[\w\u2581.:-]{1,40}\|>|(?:start|end)_of_turn>|/s>|bos>|eos>|/?(?:think|tool_call|tool_response)>|</?SYS>>"
)
_BRACKETED = "INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|THINK"
_MARK = re.compile(rf"<\\*+(?=(?i:{_OWN})|{_CONTROL})|\[\\*+(?=/?(?:{_BRACKETED})\])")


def quoted(text: str) -> str:
    """The text as one line of data."""
    return _LINE_END.sub(" ", quoted_text(text))


def quoted_lines(texts: Iterable[str]) -> list[str]:
    """Texts as lines of data, without those that are empty."""
    return [line for line in map(quoted, texts) if line.strip()]


def quoted_text(text: str) -> str:
    """The text as data, its lines and indents as they are."""
    text = _HIDDEN.sub(lambda match: "".join(map(_escape, match.group())), text)
    text = "".join(_escape(mark) if _unseen(mark) else mark for mark in _LINE_END.sub("\n", text))
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    ends = [match.end() for match in _MARK.finditer(_plain(text))]
    return "\\".join(text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True))


def _plain(text: str) -> str:
    """The text, as long as it was, with each full-width or otherwise dressed-up character as the one it stands for."""
    if text.isascii():
        return text
    plain = ((mark, unicodedata.normalize("NFKC", mark)) for mark in text)
    return "".join(flat if len(flat) == 1 else mark for mark, flat in plain)


def _unseen(mark: str) -> bool:
    """Control characters, invisible ones and lone surrogates; not tabs, line ends, and joiners where they belong."""
    if mark in "\n\t" or mark in _JOINERS:
        return False
    return unicodedata.category(mark) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def _escape(mark: str) -> str:
    return mark.encode("unicode_escape").decode()
