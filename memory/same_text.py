"""When two texts are the same: the same words in the same order, whatever their case, spaces and punctuation.

No embedding decides this. For one, 'round up' and 'round down' are as near as two spellings of either, and titles in a
script that it does not know are all one. So texts are compared as texts, in a canonical form. What differs in that is
kept apart: two concepts that say one thing cost little, and an opposite that was taken for a repeat is lost.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable

from memory.concept import ConceptDraft
from memory.programs import program_tree

_UNSEEN = re.compile("[\u00ad\u200b\u2060\ufeff]")  # soft hyphens, zero-width spaces, byte order marks
_QUOTES = str.maketrans("\u2018\u2019\u201c\u201d", "''\"\"")
# A mark ends a clause where a blank or nothing follows. '!' may be a factorial unless a word stands before it.
_MARKS = re.compile(
    r"(?:(?<=\w)|(?<!\S))[.,;:\u2026]+(?=\s|$)|(?<=\w\w)[!?]+(?=\s|$)|[\u3001\u3002\uff01\uff0c\uff1a\uff1b\uff1f]"
)
_EAST = "\u2e80-\u30ff\u3400-\u9fff\uf900-\ufaff"  # scripts that write no blanks between words
_BLANK_IN_EAST = re.compile(rf"(?<=[{_EAST}])\s+(?=[{_EAST}])")
_SHORT = 2  # letters of 'Mb' and 'MB', 'mW' and 'MW': in so short a word, case may tell


def canonical(text: str) -> str:
    """The text without what does not tell: its case, blanks, punctuation at the end of words, invisible characters."""
    plain = _UNSEEN.sub("", unicodedata.normalize("NFC", text)).translate(_QUOTES)
    words = _BLANK_IN_EAST.sub("", _MARKS.sub(" ", plain)).split()
    letters = [word for word in words if word.upper() != word.lower()]
    styled = all(map(str.isupper, letters)) or all(word[0].isupper() or word[0] == word[0].upper() for word in letters)
    return " ".join(_folded(word, free=styled or place == 0) for place, word in enumerate(words))


def _folded(word: str, *, free: bool) -> str:
    """The word in lower case, unless its case may tell: in a unit or a symbol, or in the midst of a word.

    Args:
        word: one word.
        free: its capital only comes from where it stands: at the start, or in a text that is all capitals or a title.
    """
    ordinary = word.isupper() or word.islower() or word.istitle() or word[1:] == word[1:].lower()
    telling = not ordinary or (len(word) <= _SHORT and not free)
    return word if telling else word.casefold()


def says_the_same(draft: ConceptDraft, other: ConceptDraft) -> bool:
    """Whether `draft` adds nothing to `other`; keywords aside, which only help recall."""
    return text_key(draft) == text_key(other)


def text_key(draft: ConceptDraft) -> str:
    """Digest of all that a concept says, in canonical form; equal for concepts that say the same."""
    said = (
        draft.kind,
        draft.pitfall,
        canonical(draft.subtype),
        canonical(draft.title),
        canonical(draft.description),
        [(one.name, one.typing, canonical(one.description)) for one in draft.parameters],
        draft.output_typing.strip(),
        [cue for cue in map(canonical, draft.cues) if cue],
        _notes(draft.implementation),
    )
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _notes(lines: tuple[str, ...]) -> list[str]:
    """Steps in canonical form. Of a program, its tree: there, case and names tell and blanks do not."""
    tree = program_tree(lines)
    if tree is None:
        return [line for line in map(canonical, lines) if line]
    return [ast.dump(tree), *(canonical(line) for line in lines if "#" in line)]


def distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts without empty ones and without those that repeat an earlier one."""
    kept: dict[str, str] = {}
    for text in texts:
        if text.strip():
            kept.setdefault(canonical(text), text)
    return tuple(kept.values())
