"""When two texts are the same: what is written, but for three habits of writing that carry no meaning.

No embedding decides this. For one, 'round up' and 'round down' are as near as two spellings of either. No rule on
marks, capitals or indents does either: 'replace . by ,', 'cd Foo' and 'convert Mb to MB' say something by each of
them. Ignored are only the capital that begins a sentence, more than one blank between two words, and the full stop at
the end. What differs in anything else is kept apart: said twice it costs little, and an opposite that was taken for a
repeat is lost.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable

from pilotage.memory.concept import ConceptDraft
from pilotage.memory.text.programs import program_tree

CANONICAL_FORM = 2  # of `canonical`: keys of two forms do not compare
_LETTER = r"[^\W\d_]"
_BLANKS = re.compile(rf"(?<={_LETTER}) {{2,}}(?={_LETTER})")
_STOP = re.compile(rf"(?<={_LETTER}{{2}})[.\u3002]$")
_CAPITAL = re.compile(rf"{_LETTER}(?={_LETTER}{{2,}},? (\w))")  # of a word that another one follows


def canonical(text: str) -> str:
    """The text without what never tells: a first capital, blanks between words, a full stop at the end."""
    plain = unicodedata.normalize("NFC", text).rstrip()
    if not any(mark in plain for mark in "\"'`"):  # between those, each blank may count
        plain = _BLANKS.sub(" ", plain)
    plain = _STOP.sub("", plain)
    start = _CAPITAL.match(plain)
    if start and plain[: plain.find(" ")][1:].islower() and start[1].islower():
        plain = plain[0].lower() + plain[1:]
    return plain


def says_the_same(draft: ConceptDraft, other: ConceptDraft) -> bool:
    """Whether `draft` adds nothing to `other`; keywords aside, which only help recall."""
    return text_key(draft) == text_key(other)


def text_key(draft: ConceptDraft) -> str:
    """Digest of all that a concept says, in canonical form; equal for concepts that say the same."""
    content = (
        draft.kind,
        draft.pitfall,
        canonical(draft.subtype),
        canonical(draft.title),
        canonical(draft.description),
        [(one.name, one.typing, canonical(one.description)) for one in draft.parameters],
        draft.output_typing.strip(),
        list(map(canonical, draft.cues)),
        _notes(draft.implementation),
    )
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _notes(lines: tuple[str, ...]) -> list[str]:
    """Steps in canonical form, indents included. Of a program, its tree, to which blanks do not matter."""
    tree = program_tree(lines)
    if tree is None:
        return list(map(canonical, lines))
    return [ast.dump(tree), *(canonical(line) for line in lines if "#" in line)]


def distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts without empty ones and without those that repeat an earlier one."""
    kept: dict[str, str] = {}
    for text in texts:
        if text.strip():
            kept.setdefault(canonical(text), text)
    return tuple(kept.values())
