"""Compress: a concept's cues and notes in fewer words.

Work after ArcMemo found that shorter cues and notes turned a loss into a gain. What words allow without judgement is
done on the text: filler goes, repeats go, the rest is capped. A writer may do more, and its result is taken only where
it is shorter and passes the checks. A compressed concept is never longer than before and keeps its parameters.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from typing import Any

from memory.commands import is_instruction
from memory.concept import ConceptDraft
from memory.errors import InvalidConcept
from memory.lint import is_garbage, is_refusal
from memory.words import content_words
from memory.writer import Writer, WritingRequest, read_object, schema

MOST_CUES = 4
MOST_STEPS = 8
_SAME = 0.8
_FILLER = re.compile(
    r"\b(?:please|basically|essentially|simply|just|really|very|actually|obviously|of course|as we can see|note that|"
    r"keep in mind that|it is important to(?: note that)?|make sure (?:to|that you)|be sure to|"
    r"(?:you|we) (?:should|need to)|(?:firstly|secondly|finally|lastly|first of all),|in this (?:task|problem|case),|"
    r"the goal is to|this (?:concept|routine|method|lesson) (?:is used|can be used|applies|is useful) (?:when|to|for)"
    r")\s*",
    re.IGNORECASE,
)
_SHORTER = (
    (re.compile(r"\bin order to\b", re.IGNORECASE), "to"),
    (re.compile(r"\bdue to the fact that\b", re.IGNORECASE), "because"),
    (re.compile(r"\ba (?:large |small )?number of\b", re.IGNORECASE), "some"),
    (re.compile(r"\beach and every\b", re.IGNORECASE), "each"),
    (re.compile(r"\bin the event that\b", re.IGNORECASE), "if"),
)
_SYSTEM = "You shorten notes without changing what they say. Reply in JSON."
_ASK = (
    "Write these notes in fewer words. Keep every condition and every step, add nothing. cues: when the note applies, "
    "at most 2. steps: what to do, at most 4."
)


def compress(draft: ConceptDraft) -> ConceptDraft:
    """The draft without filler and repeats. Lines of a program stay as they are."""
    steps = draft.implementation
    if not is_program(steps):
        steps = distinct(map(_plain, steps))[:MOST_STEPS]
    return draft.model_copy(
        update={
            "description": _plain(draft.description),
            "cues": distinct(map(_plain, draft.cues))[:MOST_CUES],
            "implementation": steps,
        }
    )


async def compress_with(draft: ConceptDraft, writer: Writer) -> ConceptDraft:
    """The draft as a writer shortens it; as `compress` does where the reply is not shorter or not fit to keep."""
    plain = compress(draft)
    worded = not is_program(plain.implementation)
    notes = "\n".join((*plain.cues, *(plain.implementation if worded else ())))
    if not notes:
        return plain
    line = {"type": "string", "maxLength": 140}
    lists: dict[str, dict[str, Any]] = {"cues": {"type": "array", "items": line, "maxItems": 2}}
    if worded:
        lists["steps"] = {"type": "array", "items": line, "maxItems": 4}
    request = WritingRequest(_SYSTEM, f"{_ASK}\n\n<note>\n{notes}\n</note>", schema(**lists), 160)
    data = read_object(await writer(request)) or {}
    changes: dict[str, tuple[str, ...]] = {}
    for field, name in (("cues", "cues"), ("implementation", "steps")):
        lines: Any = data.get(name)
        if name in lists and _fit(lines, getattr(plain, field)):
            changes[field] = distinct(map(_plain, lines))
    try:
        shorter = ConceptDraft.parse({**plain.model_dump(), **changes})
    except InvalidConcept:
        return plain
    return shorter if size(shorter) < size(plain) else plain


def size(draft: ConceptDraft) -> int:
    """Characters of what compression may shorten."""
    return len(draft.description) + sum(map(len, (*draft.cues, *draft.implementation)))


def is_program(lines: Sequence[str]) -> bool:
    """Whether the lines are Python."""
    try:
        return bool(ast.parse("\n".join(lines)).body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _fit(lines: object, before: Sequence[str]) -> bool:
    """Whether a writer's lines say in fewer words what was said before: nothing new, nothing that the lint rejects."""
    if not isinstance(lines, list) or not lines or not all(isinstance(line, str) and line.strip() for line in lines):
        return False
    old = "\n".join(before)
    stems = {word[:5] for word in content_words(old)}
    words = content_words(" ".join(lines))
    kept = [word for word in words if word[:5] in stems]
    return bool(words) and len(kept) >= 0.6 * len(words) and not any(map(_unfit, lines))


def _unfit(line: str) -> bool:
    return is_instruction(line) or is_refusal(line) or is_garbage(line)


def _plain(text: str) -> str:
    """The text without filler; never longer, and never nothing where there was something."""
    short = _FILLER.sub("", text)
    for long, brief in _SHORTER:
        short = long.sub(brief, short)
    short = " ".join(short.split())
    if not short:
        return text.strip()
    upper = short[0].upper() + short[1:]
    return upper if text[:1].isupper() and len(upper) == len(short) else short


def distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts without those that say what another one says. Of two, the shorter stays, in the place of the first."""
    kept: list[str] = []
    for text in texts:
        if not text:
            continue
        same = next((place for place, other in enumerate(kept) if _says(text, other)), None)
        if same is None:
            kept.append(text)
        elif len(text) < len(kept[same]):
            kept[same] = text
    return tuple(kept)


def _says(text: str, other: str) -> bool:
    mine, theirs = set(content_words(text)), set(content_words(other))
    if not mine or not theirs:
        return text.lower() == other.lower()
    digits = [{word for word in words if any(map(str.isdigit, word))} for words in (mine, theirs)]
    return digits[0] == digits[1] and len(mine & theirs) >= _SAME * len(mine | theirs)
