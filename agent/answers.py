r"""The answer in a reply: read where it was marked, never guessed, and brought to one spelling for comparing.

A reply marks its answer by a last line `Answer: ...` (what the prompts ask for), `<answer>...</answer>`,
`\boxed{...}` or GSM8K's `#### ...`; of several the last one counts. Without a mark only a reply that is nothing
but an answer counts. Of a reply that was cut at a limit, only what was marked and complete before the cut counts.
"""

from __future__ import annotations

import ast
import json
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

from pilotage.agent.numbers import is_bare_number, mentions, parse_number, plain
from pilotage.agent.task import Kind

_MARKS = (
    re.compile(
        r"(?:^|\n)[ \t*_#>-]*(?:\d+[.)][ \t*]*)?"  # markdown, or the number of the last step
        r"(?:the\s+)?(?:final\s+)?answer[ \t*]*(?:[:：]|\bis\b:?)\**[ \t]*(?P<answer>.*)",
        re.I,
    ),
    # Only as far as the next one opens, so that many which nothing closes are read in linear time.
    re.compile(r"<answer>(?P<answer>(?:(?!<answer>).)*?)</answer>", re.I | re.S),
    re.compile(r"(?:^|\n)####[ \t]*(?P<answer>.+)"),
    re.compile(r"\\boxed\{(?P<answer>(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}"),
)
_CLOSED_MARKS = (_MARKS[1], _MARKS[3])
# Marks stand near the end; reading no more than this keeps any text quick to read.
_TAIL = 8_000
_WRAPPERS = (("**", "**"), ("*", "*"), ("`", "`"), ('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’"))
_FENCE = re.compile(r"```[ \t]*\w*[ \t]*\n(.*?)(?:```|\Z)", re.S)
SHORT = 200
"""Characters of an answer whose form is remembered."""
LETTERS = 26
"""Choices that a letter names; those behind them are named by their text."""
_LETTER = re.compile(r"(?:option|choice)?\s*\(?([A-Za-z])(?:\)|[.:](?=\s|$)|$)[.:]?\s*(.*)", re.I | re.S)


def extract(kind: Kind, text: str, choices: Sequence[str] = (), *, cut: bool = False) -> str | None:
    """The candidate that a reply offers, None where it offers none that its kind of task can use.

    Args:
        kind: kind of the task.
        text: the model's reply, or what a program printed.
        choices: the task's choices, for kind `choice`.
        cut: whether the text stops in the middle.

    No part of a reply answers an `open` task: the whole of one does, which the block `answer` asks for.
    """
    if kind == "open":
        return None
    if kind == "program":
        return _program(text, cut=cut)
    marked = _marked(_before_the_cut(text) if cut else text, cut=cut)
    if cut and marked is None:
        return None
    if kind == "text":
        return None if marked is None else _unwrap(marked) or None
    if marked is None and kind == "numeric" and not is_bare_number(text):
        return None
    answer = text if marked is None else marked
    if kind == "grid" and parse_grid(answer) is None:  # several at once are for whoever asked for them
        return None
    return _canonical(kind, answer, choices)


def normal_form(kind: Kind, answer: str, choices: Sequence[str] = ()) -> str:
    """One spelling for answers that mean the same: `$18`, `18.0` and `18`; `Yes.` and `yes`."""
    if len(answer) <= SHORT:
        return _form_of_short(kind, answer, tuple(choices))
    return _form(kind, answer, choices)


def _form(kind: Kind, answer: str, choices: Sequence[str]) -> str:
    if (canonical := _canonical(kind, answer, choices)) is not None:
        return canonical
    if kind == "program":
        return "\n".join(line.rstrip() for line in answer.strip().splitlines())
    if kind == "open":
        return answer.strip()
    text = _unwrap(unicodedata.normalize("NFKC", answer))
    text = _unwrap(text.rstrip(".,;:!") or text)
    return " ".join(text.casefold().split())


_form_of_short = lru_cache(maxsize=1024)(_form)
"""A run compares the same few answers after each of its steps, and each draw with all others."""


def conveys(text: str, kind: Kind, value: str) -> bool:
    """Whether a reply in prose says a value: the number in any language's spelling, or the words of another answer."""
    number = parse_number(value) if kind == "numeric" or is_bare_number(value) else None
    if number is not None and mentions(text, number):
        return True
    if kind == "numeric" and number is not None:
        return False
    said, wanted = normal_form("text", text), normal_form("text", value)
    return re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", said) is not None if wanted.isascii() else wanted in said


def _canonical(kind: Kind, answer: str, choices: Sequence[str]) -> str | None:
    """The spelling of a number, a choice or a grid; None for what is none, and for other kinds."""
    if kind == "numeric":
        number = parse_number(answer)
        return None if number is None else plain(number)
    if kind == "choice":
        place = resolve_choice(answer, choices)
        if place is None:
            return None
        return chr(ord("A") + place) if place < LETTERS else normal_form("text", choices[place])
    if kind != "grid":
        return None
    if (grid := parse_grid(answer)) is not None:
        return json.dumps(grid)
    attempts = parse_attempts(answer)
    return None if attempts is None else json.dumps([tried[0] if tried else None for tried in attempts])


def resolve_choice(answer: str, choices: Sequence[str]) -> int | None:
    """Place of the choice meant by `B`, `(B)`, `b) foo` or its full text; None if it could mean another or none.

    Without known choices only a letter says anything.
    """
    answer = _unwrap(answer)
    forms = [normal_form("text", choice) for choice in choices]
    places = {place for place, form in enumerate(forms) if form and form == normal_form("text", answer)}
    letter = _LETTER.fullmatch(answer)
    if letter:
        place, rest = ord(letter[1].upper()) - ord("A"), normal_form("text", letter[2])
        if not choices:
            return place
        if place < len(choices):
            if rest and rest != forms[place]:
                return None
            places.add(place)
    return places.pop() if len(places) == 1 else None


def parse_grid(text: str) -> list[list[int]] | None:
    """A grid written as a JSON list of rows, or as lines of digits; None if it is neither or not rectangular."""
    fenced = _FENCE.findall(text)
    body = (fenced[-1] if fenced else text).strip()
    try:
        rows = json.loads(body)
    except (ValueError, RecursionError):
        lines = [line.replace(",", " ").split() for line in body.splitlines() if line.strip()]
        if not all(re.fullmatch(r"\d{1,4}", cell, re.ASCII) for line in lines for cell in line):
            return None
        rows = [[int(cell) for cell in line] for line in lines]
    if not isinstance(rows, list) or not rows or not all(isinstance(row, list) and row for row in rows):
        return None
    if not all(type(cell) is int for row in rows for cell in row) or len({len(row) for row in rows}) != 1:
        return None
    return rows


def parse_attempts(text: str) -> list[list[list[list[int]]]] | None:
    """For each input of a task the grids that an answer tries, the likeliest first; None where it is no such answer.

    It is a JSON list with an entry for each input: a grid, null for no guess, or as Kaggle has it an object with
    `attempt_1` and `attempt_2`. Two answers are the same where their first attempts are.
    """
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entries, list) or not entries:
        return None
    found = []
    for entry in entries:
        if isinstance(entry, dict) and "attempt_1" not in entry:
            return None
        named = [entry.get(name) for name in ("attempt_1", "attempt_2")] if isinstance(entry, dict) else [entry]
        grids = [parse_grid(json.dumps(given)) for given in named if given is not None]
        if any(grid is None for grid in grids):
            return None
        found.append([grid for grid in grids if grid is not None])
    return found if any(found) else None


def without_marks(text: str) -> str:
    """A text without the lines that mark its answer, and without what stands behind a mark that ends its line."""
    lines = text.split("\n")
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
    marked: set[int] = set()
    end = len(lines)
    for match in (match for mark in _MARKS for match in mark.finditer(text)):
        first, last = (bisect_right(starts, place) - 1 for place in (match.start("answer"), match.end()))
        marked.update(range(first, last + 1))
        if not match["answer"].strip(" *"):
            end = min(end, first)
    return "\n".join(line for number, line in enumerate(lines[:end]) if number not in marked).strip()


def _before_the_cut(text: str) -> str:
    """What of a cut text stands as it was meant: its whole lines, and marks that were closed in the last one."""
    tail = text[-_TAIL:]
    whole = tail.rfind("\n") + 1
    closed = [match.end() for mark in _CLOSED_MARKS for match in mark.finditer(tail)]
    return tail[: max([whole, *closed])]


def _marked(text: str, *, cut: bool = False) -> str | None:
    """What stands at the last mark, and at marks within that: "Answer: the answer is B"."""
    found = inner = _at_mark(text, cut=cut)
    while inner:
        found, inner = inner, _at_mark(inner)
    return found


def _at_mark(text: str, *, cut: bool = False) -> str | None:
    """What stands at the last mark; where that ends its line, all that follows, or of a cut text a closed block."""
    text = text[-_TAIL:]
    last: re.Match[str] | None = None
    for pattern in _MARKS:
        for match in pattern.finditer(text):
            if last is None or match.start("answer") > last.start("answer"):
                last = match
    if last is None:
        return None
    answer = last["answer"].strip()
    if answer.count("**") == 1:  # the other pair stands before the mark: "**Answer: 18**"
        answer = answer.removesuffix("**").strip()
    if not answer:
        rest = text[last.end() :]
        fenced = _FENCE.match(rest.lstrip())
        if cut and (fenced is None or not fenced[0].endswith("```")):
            return None
        answer = fenced[1] if fenced else rest
    return answer.strip()


def _program(text: str, *, cut: bool = False) -> str | None:
    """The last fenced block, or the whole reply if it is Python that does something; nothing of a block that is cut."""
    if cut and (text.count("```") < 2 or text.count("```") % 2):
        return None
    text = text.lstrip("\ufeff")  # a byte order mark is no Python
    fenced = [block for block in _FENCE.findall(text) if block.strip()]
    if fenced:
        return str(fenced[-1]).strip()
    try:
        statements = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return text.strip() if any(not isinstance(node, ast.Expr) for node in statements) else None


def _unwrap(answer: str) -> str:
    """Without the quotes or markdown that enclose all of it."""
    answer = answer.strip()
    for left, right in _WRAPPERS:
        inner = answer[len(left) : -len(right)]
        if answer.startswith(left) and answer.endswith(right) and inner and inner == inner.strip():
            return _unwrap(inner)
    return answer
