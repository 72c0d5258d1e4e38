"""Thinking: what a reasoning model writes before its answer, kept apart from the answer.

It comes in three shapes. Providers with a protocol for it send it beside the text, as content blocks or as a field of
their own. Others leave it in the text between tags, where three things happen: the limit cuts it before the closing
tag, a chat template writes the opening tag itself so that only the closing one is seen, and an answer may speak about
the tags, as a program that removes them does. Structure tells these apart: tags that a reply's program, JSON, code
fence or quotation marks hold are content. Harmony, at last, writes messages on channels.

Whatever a reply holds, it is read in time linear in its length.
"""

from __future__ import annotations

import ast
import bisect
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

# How chat templates write it: DeepSeek, Qwen and most others; Seed; Mistral; Kimi; OpenThoughts.
_NAMES = r"(?:think|thinking|seed:think)"
OPEN = re.compile(rf"<{_NAMES}(?:\s[^<>]{{0,80}})?(?<!/)>|\[THINK\]|◁think▷|<\|begin_of_thought\|>", re.I)
_CLOSE = re.compile(rf"</{_NAMES}\s{{0,8}}>|\[/THINK\]|◁/think▷|<\|end_of_thought\|>", re.I)
TAG = re.compile(f"(?P<open>{OPEN.pattern})|(?P<close>{_CLOSE.pattern})", re.I)
_BLANK = re.compile(r"[\s\ufeff\u200b]*")

# Names that a document may well use: thinking only where such an element begins the reply and an answer follows it.
ELEMENT = re.compile(r"<(?P<name>thought|reasoning)(?:\s[^<>]{0,80})?(?<!/)>", re.I)
_SOLUTION = re.compile(r"\s*<\|begin_of_solution\|>(.*?)(?:<\|end_of_solution\|>\s*)?", re.S)

_HARMONY = re.compile(r"(?:<\|start\|>\w{1,40})?<\|channel\|>")
_CHANNEL = re.compile(r"<\|channel\|>(?P<name>\w+)[^<]{0,200}(?:<\|constrain\|>\w+)?<\|message\|>")
_MESSAGE_END = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
QUOTES = "'\"`“”‘’«»"
_CLOSING_QUOTES = "”’»"
_FENCE = re.compile(r"^ {0,3}(?P<fence>```+|~~~+)(?P<info>[^\n]*)$", re.M)


@dataclass(frozen=True)
class Parted:
    """A reply's text in two: what was thought, and what was answered.

    `headless` is true where the thinking had no opening tag, because the chat template had written it.
    """

    thinking: str
    answer: str
    headless: bool = False


@dataclass(frozen=True)
class _Tag:
    start: int
    end: int
    opening: bool
    quoted: bool


def part(text: str, *, cut: bool = False) -> Parted:
    """Separates inline thinking from the answer; a text without any is its own answer.

    Args:
        text: the whole reply.
        cut: the reply ended at its limit, so a tag that was not closed yet was going to be.
    """
    begin = begin_of(text)
    if _HARMONY.match(text, begin) is not None:
        return _channels(text)
    thoughts: list[str] = []
    element = _leading_element(text, begin)
    if element is not None:
        thoughts.append(text[element[0] : element[1]])
        begin = begin_of(text, element[2])
    if TAG.search(text, begin) is None or (OPEN.match(text, begin) is None and _is_code_or_data(text[begin:])):
        return _parted(thoughts, text[begin:] if thoughts else text)
    tags = _tags(text, begin)
    closings = _closings(tags)
    opening = {tag.start: tag for tag in tags if tag.opening}
    at = begin
    while (opened := opening.get(at)) is not None:
        closing = closings[at]
        thoughts.append(text[opened.end : len(text) if closing is None else closing.start])
        at = len(text) if closing is None else begin_of(text, closing.end)
    fences = _fences(text)
    bare = [tag for tag in tags if tag.start >= at and not tag.quoted and not _within(fences, tag.start)]
    headless = not thoughts and bool(bare) and not bare[0].opening
    headless = headless and not any(tag.opening and tag.start < bare[0].start for tag in tags)
    if headless:
        thoughts.append(text[: bare[0].start])
        at = bare[0].end
    elif not thoughts:
        at = 0
    rest = "".join(_without_later(text, at, bare, thoughts, cut))
    return _parted(thoughts, rest, headless)


def _parted(thoughts: list[str], rest: str, headless: bool = False) -> Parted:
    if not thoughts:
        return Parted("", rest)
    solution = _SOLUTION.fullmatch(rest)
    answer = solution[1] if solution is not None else rest
    return Parted("\n".join(filter(None, map(str.strip, thoughts))), answer[begin_of(answer) :], headless)


def thoughts_in(message: BaseMessage) -> str:
    """Thinking that a provider sent beside the text of a message or chunk."""
    blocks = [_block_thought(block) for block in message.content if isinstance(block, dict)]
    beside = [message.additional_kwargs.get(key) for key in ("reasoning_content", "reasoning")]
    return "".join([*blocks, *(thought for thought in beside if isinstance(thought, str))])


def _block_thought(block: dict[Any, Any]) -> str:
    if block.get("type") not in ("thinking", "reasoning"):
        return ""
    nested = block.get("thinking") if isinstance(block.get("thinking"), list) else block.get("summary")
    pieces = [block.get(key) for key in ("thinking", "reasoning", "text")]
    pieces += [piece.get("text") for piece in nested if isinstance(piece, dict)] if isinstance(nested, list) else []
    return "".join(piece for piece in pieces if isinstance(piece, str))


def begin_of(text: str, at: int = 0) -> int:
    """Where text begins that is not blank."""
    blank = _BLANK.match(text, at)
    return at if blank is None else blank.end()


def _leading_element(text: str, begin: int) -> tuple[int, int, int] | None:
    """Begin and end of what an element at the beginning holds, and its own end; None where no answer follows it."""
    opened = ELEMENT.match(text, begin)
    closed = opened and re.compile(rf"</{opened['name']}\s{{0,8}}>", re.I).search(text, opened.end())
    if opened is None or closed is None or begin_of(text, closed.end()) == len(text):
        return None
    return opened.end(), closed.start(), closed.end()


def _channels(text: str) -> Parted:
    """Harmony's messages: what is on the final channel is the answer."""
    thoughts: list[str] = []
    answers: list[str] = []
    for channel in _CHANNEL.finditer(text):
        end = _MESSAGE_END.search(text, channel.end())
        message = text[channel.end() : len(text) if end is None else end.start()]
        (answers if channel["name"] == "final" else thoughts).append(message)
    return Parted("\n".join(map(str.strip, thoughts)), "".join(answers))


def _tags(text: str, begin: int) -> list[_Tag]:
    """All tags in order. Quotation marks hold one if they stand right before it, or after it and close another."""
    tags: list[_Tag] = []
    at, marks = begin, Counter[str]()
    for tag in TAG.finditer(text, begin):
        line = text.rfind("\n", at, tag.start()) + 1
        if line:
            at, marks = line, Counter()
        marks.update({mark: text.count(mark, at, tag.start()) for mark in QUOTES})
        at = tag.start()
        before, after = text[max(at - 1, 0) : at], text[tag.end() : tag.end() + 1]
        held = bool(before) and before in QUOTES
        closed = bool(after) and after in QUOTES and (after in _CLOSING_QUOTES or marks[after] % 2 == 1)
        tags.append(_Tag(tag.start(), tag.end(), tag["open"] is not None, held or closed))
    return tags


def _closings(tags: list[_Tag]) -> dict[int, _Tag | None]:
    """What closes the thought of each opening tag, by where that begins.

    It is the tag that balances it, else the next closing one; those in quotation marks are the last resort.
    """
    closings: dict[int, _Tag | None] = {}
    waiting: list[_Tag] = []
    for tag in tags:
        if tag.opening and not tag.quoted:
            waiting.append(tag)
        elif waiting and not tag.quoted:
            closings[waiting.pop().start] = tag
    following: _Tag | None = None
    bare: _Tag | None = None
    for tag in reversed(tags):
        if tag.opening:
            closings.setdefault(tag.start, bare or following)
        else:
            following, bare = tag, bare if tag.quoted else tag
    return closings


def _without_later(text: str, at: int, bare: list[_Tag], thoughts: list[str], cut: bool) -> Iterator[str]:
    """The text from a place on without thinking further down; what is taken out joins the thoughts."""
    closings = _closings(bare)
    for opened in bare:
        if not opened.opening or opened.start < at:
            continue
        closing = closings[opened.start]
        if closing is None and not cut:
            continue
        yield text[at : opened.start]
        at = len(text) if closing is None else closing.end
        thoughts.append(text[opened.end : len(text) if closing is None else closing.start])
    yield text[at:]


def _fences(text: str) -> list[tuple[int, int]]:
    """Where code fences begin and end, in order; one that nothing closes is none."""
    lines = list(_FENCE.finditer(text))
    longest = [Counter[str]()]  # of the fences that can close one, from each line on
    for line in reversed(lines):
        mark, size = line["fence"][0], 0 if line["info"].strip(" \t") else len(line["fence"])
        longest.append(Counter(longest[-1] | Counter({mark: size})))
    longest.reverse()
    fences: list[tuple[int, int]] = []
    opened: re.Match[str] | None = None
    for number, line in enumerate(lines, start=1):
        mark, size = line["fence"][0], len(line["fence"])
        if opened is None:
            opened = line if longest[number][mark] >= size else None
        elif opened["fence"][0] == mark and size >= len(opened["fence"]) and not line["info"].strip(" \t"):
            fences.append((opened.start(), line.end()))
            opened = None
    return fences


def _within(spans: list[tuple[int, int]], place: int) -> bool:
    """Whether one of these spans, which are in order, holds a place."""
    before = bisect.bisect_right(spans, place, key=lambda span: span[0]) - 1
    return before >= 0 and place < spans[before][1]


def _is_code_or_data(text: str) -> bool:
    """Whether the whole text is a Python program or JSON, whose strings may say what they like."""
    with suppress(ValueError, RecursionError):
        json.loads(text)
        return True
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        return bool(ast.parse(text).body)
    return False
