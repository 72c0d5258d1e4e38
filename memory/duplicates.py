"""When two concepts say the same thing: the cautious test behind merging on add."""

from __future__ import annotations

import re

from memory.concept import ConceptDraft

NEAR_DUPLICATE = 0.95
_SAME_STEPS = 0.8


def says_the_same(draft: ConceptDraft, other: ConceptDraft, similarity: float) -> bool:
    """Whether `draft` adds nothing to `other`.

    Embeddings hardly see a number, so texts that differ in one are kept apart, as are different steps under a
    similar title.

    Args:
        draft: what is proposed.
        other: what is stored.
        similarity: cosine between the two search texts.
    """
    if similarity < NEAR_DUPLICATE or draft.kind != other.kind:
        return False
    if _numbers(draft) != _numbers(other):
        return False
    mine, theirs = _words(draft.implementation), _words(other.implementation)
    if not mine or not theirs:
        return mine == theirs
    return len(mine & theirs) / len(mine | theirs) >= _SAME_STEPS


def _words(lines: tuple[str, ...]) -> set[str]:
    return set(re.findall(r"\w+", " ".join(lines).lower()))


def _numbers(draft: ConceptDraft) -> list[str]:
    words = re.findall(r"\w+", " ".join((draft.title, draft.description, *draft.cues)).lower())
    return [word for word in words if any(letter.isdigit() for letter in word)]
