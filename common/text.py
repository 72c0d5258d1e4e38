"""Text at the edges of the program: what comes in can be kept, what goes out can be printed.

`carriable` is for everything that comes from outside (replies, task files, arguments), `printable` for everything
that reaches a terminal.
"""

from __future__ import annotations

import json
import re
from typing import Any

# What a terminal obeys instead of showing it: control characters of both kinds, line ends that are none of ours, and
# what changes the direction of the text around it. Marks of right-to-left languages and joiners are left alone: they
# act on their neighbours only. Halves of characters are what no terminal's encoding can write. Spaces without width,
# fillers, invisible operators and tags are not shown at all, so that two texts could look the same, or one hide
# another; nor are selectors of a character's variant, of which each character takes one.
_COMMANDS = (
    r"\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
    r"\u200b\u2060-\u2065\ufeff\ufff0-\ufffb\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
    r"\u034f\u115f\u1160\u17b4\u17b5\u206a-\u206f\u3164\uffa0\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
)
_SELECTORS = r"[\ufe00-\ufe0f\U000e0100-\U000e01ef]"
_HIDDEN = rf"[{_COMMANDS}]|(?<={_SELECTORS}){_SELECTORS}"
_UNPRINTABLE = re.compile(rf"(?![\n\t])(?:{_HIDDEN})")
_UNPRINTABLE_IN_LINE = re.compile(_HIDDEN)
_UNPRINTABLE_IN_JSON = re.compile(rf"(?!\n)(?:{_HIDDEN})")


def carriable(text: str) -> str:
    """The text with nothing in it that UTF-8 cannot write; any other text is returned as it is.

    Two halves of one character that stand side by side, as a stream cut between them gives, become that character; a
    half without its other half, or a byte that was no text (`surrogateescape`), becomes U+FFFD.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def carriable_data(data: Any) -> Any:
    """JSON data with every text in it made carriable, names of fields included."""
    if isinstance(data, str):
        return carriable(data)
    if isinstance(data, dict):
        return {carriable_data(name): carriable_data(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [carriable_data(item) for item in data]
    return data


def printable(text: str) -> str:
    r"""The text with what a terminal would obey shown as Python writes it (`\x1b`); lines and tabs stay."""
    return _UNPRINTABLE.sub(_shown, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    r"""A printable text that cannot pass for two lines: line ends inside it are shown as `\n`."""
    return _UNPRINTABLE_IN_LINE.sub(_shown, text)


def printable_json(text: str) -> str:
    r"""JSON that says the same and holds nothing that a terminal would obey: such characters are written `\u001b`."""
    return _UNPRINTABLE_IN_JSON.sub(lambda match: json.dumps(match[0])[1:-1], text)


def json_line(data: Any) -> str:
    """Data as one line of JSON, readable in any language, exact, and printable."""
    return printable_json(json.dumps(data, ensure_ascii=False))


def json_page(data: Any) -> str:
    """The same on many lines, for people; without a line end."""
    return printable_json(json.dumps(data, indent=2, ensure_ascii=False))


def _shown(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
