"""When two concepts say the same: the cautious test behind merging on add, and programs that differ in names only."""

from __future__ import annotations

import ast
import builtins
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


def same_method(draft: ConceptDraft, other: ConceptDraft) -> bool:
    """Whether both carry the same program: equal syntax trees but for the names of variables."""
    if draft.kind != other.kind:
        return False
    mine = _shape(draft.implementation)
    return mine is not None and mine == _shape(other.implementation)


def _shape(lines: tuple[str, ...]) -> str | None:
    """The program's syntax tree with its names numbered in order of appearance; None where it is no program."""
    try:
        tree = ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError):
        return None
    if not tree.body:
        return None
    numbered: dict[str, str] = {}

    def number(name: str) -> str:
        return name if hasattr(builtins, name) else numbered.setdefault(name, f"v{len(numbered)}")

    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = number(node.id)
        elif isinstance(node, ast.arg):
            node.arg = number(node.arg)
        elif isinstance(node, ast.FunctionDef):
            node.name = number(node.name)
    return ast.dump(tree)
