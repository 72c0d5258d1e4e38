"""Thinking: what a reasoning model writes before its answer, kept apart from the answer.

It comes in two shapes. Providers with a protocol for it send it beside the text, as content blocks or as a field of
their own. Others leave it in the text between tags, where three things happen: the limit cuts it before the closing
tag, a chat template writes the opening tag itself so that only the closing one is seen, and an answer may speak about
the tags, as a program that removes them does. Structure tells these apart: tags that a reply's program, JSON, code
fence or quotation marks hold are content.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

# How chat templates write it: DeepSeek, Qwen and most others; Seed; Mistral; Kimi.
_NAMES = r"think|thinking|seed:think"
_OPEN = re.compile(rf"<(?:{_NAMES})>|\[THINK\]|◁think▷", re.I)
_CLOSE = re.compile(rf"</(?:{_NAMES})>|\[/THINK\]|◁/think▷", re.I)
_LONGEST_TAG = 16
_QUOTES = "'\"`“”‘’«»"
_FENCED = re.compile(r"^ {0,3}(?P<fence>```+|~~~+)[^\n]*\n.*?^ {0,3}(?P=fence)[ \t]*$", re.M | re.S)


@dataclass(frozen=True)
class Parted:
    """A reply's text in two: what was thought, and what was answered."""

    thinking: str
    answer: str


def part(text: str, *, cut: bool = False) -> Parted:
    """Separates inline thinking from the answer; a text without any is its own answer.

    Args:
        text: the whole reply.
        cut: the reply ended at its limit, so a tag that was not closed yet was going to be.
    """
    if _OPEN.search(text) is None and _CLOSE.search(text) is None:
        return Parted("", text)
    if not opens(text) and _is_code_or_data(text):
        return Parted("", text)
    thoughts: list[str] = []
    rest = text
    while (opened := _OPEN.match(rest.lstrip())) is not None:
        thought, rest = _until_closed(rest.lstrip()[opened.end() :])
        thoughts.append(thought)
    if not thoughts:
        headless = _closing_without_opening(rest)
        if headless is not None:
            thoughts.append(rest[: headless.start()])
            rest = rest[headless.end() :]
    rest = "".join(_without_later(rest, thoughts, cut))
    return Parted("\n".join(filter(None, map(str.strip, thoughts))), rest.lstrip() if thoughts else rest)


def opens(text: str) -> bool:
    """Whether the text begins with thinking."""
    return _OPEN.match(text.lstrip()) is not None


def may_open(text: str) -> bool:
    """Whether the text may still turn out to begin with an opening tag, as far as it has come."""
    start = text.lstrip()
    tags = ("<think>", "<thinking>", "<seed:think>", "[think]", "◁think▷")
    return len(start) < _LONGEST_TAG and any(tag.startswith(start.lower()) for tag in tags)


def thoughts_in(message: BaseMessage) -> str:
    """Thinking that a provider sent beside the text of a message or chunk."""
    found = [_block_thought(block) for block in message.content if isinstance(block, dict)]
    beside = [message.additional_kwargs.get(key) for key in ("reasoning_content", "reasoning")]
    return "".join([*found, *(thought for thought in beside if isinstance(thought, str))])


def _block_thought(block: dict[Any, Any]) -> str:
    if block.get("type") not in ("thinking", "reasoning"):
        return ""
    parts: list[str] = []
    for key in ("thinking", "reasoning", "text"):
        said = block.get(key)
        if isinstance(said, str):
            parts.append(said)
    nested = block.get("thinking") if isinstance(block.get("thinking"), list) else block.get("summary")
    for piece in nested if isinstance(nested, list) else ():
        if isinstance(piece, dict) and isinstance(piece.get("text"), str):
            parts.append(piece["text"])
    return "".join(parts)


def _until_closed(text: str) -> tuple[str, str]:
    """The thought that begins here and what follows it; a thought that is never closed has nothing after it."""
    closings = list(_CLOSE.finditer(text))
    closing = next((found for found in closings if not _quoted(text, found)), closings[0] if closings else None)
    return (text, "") if closing is None else (text[: closing.start()], text[closing.end() :])


def _closing_without_opening(text: str) -> re.Match[str] | None:
    """The closing tag of thinking whose opening tag the chat template wrote."""
    for closing in _bare(_CLOSE, text):
        return closing if _OPEN.search(text, 0, closing.start()) is None else None
    return None


def _without_later(text: str, thoughts: list[str], cut: bool) -> Iterator[str]:
    """The text without thinking further down; what is taken out joins the thoughts."""
    at = 0
    for opened in _bare(_OPEN, text):
        if opened.start() < at:
            continue
        closing = next((found for found in _bare(_CLOSE, text) if found.start() >= opened.end()), None)
        if closing is None and not cut:
            continue
        yield text[at : opened.start()]
        at = len(text) if closing is None else closing.end()
        thoughts.append(text[opened.end() : len(text) if closing is None else closing.start()])
    yield text[at:]


def _bare(tag: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """Tags that stand in the text itself, neither in a code fence nor quoted."""
    fences = [fence.span() for fence in _FENCED.finditer(text)]
    for found in tag.finditer(text):
        if not _quoted(text, found) and not any(start <= found.start() < end for start, end in fences):
            yield found


def _quoted(text: str, tag: re.Match[str]) -> bool:
    """Whether quotation marks hold the tag: one right before it, or one right after it that closes an earlier one."""
    before, after = text[max(tag.start() - 1, 0) : tag.start()], text[tag.end() : tag.end() + 1]
    if before and before in _QUOTES:
        return True
    line = text[text.rfind("\n", 0, tag.start()) + 1 : tag.start()]
    return bool(after) and after in _QUOTES and (after in "”’»" or line.count(after) % 2 == 1)


def _is_code_or_data(text: str) -> bool:
    """Whether the whole text is a Python program or JSON, whose strings may say what they like."""
    try:
        json.loads(text)
        return True
    except (ValueError, RecursionError):
        pass
    try:
        return bool(ast.parse(text).body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


class Veil:
    """Keeps thinking out of a stream of text: gives out what is answer as soon as that is sure.

    Args:
        hidden: the model is known to begin in the middle of its thinking, so nothing shows before a closing tag.
    """

    def __init__(self, hidden: bool = False) -> None:
        self._hidden = hidden
        self._undecided = True
        self._held: list[str] = []
        self._tail = ""

    def add(self, text: str) -> str:
        """Takes in the next piece; returns what may be shown now."""
        if not self._undecided:
            return text
        self._held.append(text)
        self._tail = (self._tail + text)[-(2 * _LONGEST_TAG + len(text)) :]
        if self._hidden:
            if _CLOSE.search(self._tail) is None:
                return ""
            answer = part("".join(self._held)).answer
        else:
            held = "".join(self._held)
            if may_open(held) or not held.strip():
                return ""
            if opens(held):
                self._hidden = True
                self._tail = held
                return self.add("")
            answer = held
        if not answer:
            return ""
        self._undecided = False
        self._held.clear()
        return answer

    def rest(self, answer: str) -> str:
        """What is still to be shown once the reply is whole and its answer known; empty where all was shown."""
        shown, self._undecided = not self._undecided, False
        return "" if shown else answer
