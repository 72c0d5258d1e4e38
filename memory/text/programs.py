"""Programs among a concept's lines: whether they are one, and whether two are one method under other names."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Sequence

from pilotage.memory.concept import ConceptDraft

# A line of prose can pass for Python: 'Multiply' is a name, 'round-up' a difference. A program does something.
_DOES = (ast.Assign, ast.AugAssign, ast.Call, ast.FunctionDef, ast.For, ast.While, ast.comprehension)
_MARKS = frozenset("=(:[")  # none of the above is written without one of these


def is_program(lines: Sequence[str]) -> bool:
    """Whether the lines are Python that does something."""
    return program_tree(lines) is not None


def program_tree(lines: Sequence[str]) -> ast.Module | None:
    """The syntax tree of the lines; None where they are no program."""
    source = "\n".join(lines)
    if _MARKS.isdisjoint(source):
        return None
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return tree if any(isinstance(node, _DOES) for node in ast.walk(tree)) else None


def same_method(draft: ConceptDraft, other: ConceptDraft) -> bool:
    """Whether both carry the same program, but for names that only one of them uses.

    `ratio = width / height` and `ratio = height / width` have the same shape and are two methods, so a name that both
    use has to stand in the same places. The name of a function that the program calls without defining it says what
    the program does, so that has to be the same, too.
    """
    if draft.kind != other.kind:
        return False
    mine, theirs = _shape(draft.implementation), _shape(other.implementation)
    if mine is None or theirs is None or mine[0] != theirs[0]:
        return False
    shared = set(mine[1]) & set(theirs[1])
    return all(one == another for one, another in zip(mine[1], theirs[1], strict=True) if {one, another} & shared)


def _shape(lines: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
    """The program's tree with its names numbered in order of appearance, and the names; None where it is no program."""
    tree = program_tree(lines)
    if tree is None:
        return None
    nodes = list(ast.walk(tree))
    known = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    foreign = {
        node.func.id
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in known
    }
    numbered: dict[str, str] = {}

    def number(name: str) -> str:
        if hasattr(builtins, name) or name in foreign:
            return name
        return numbered.setdefault(name, f"v{len(numbered)}")

    for node in nodes:
        if isinstance(node, ast.Name):
            node.id = number(node.id)
        elif isinstance(node, ast.arg):
            node.arg = number(node.arg)
        elif isinstance(node, ast.FunctionDef):
            node.name = number(node.name)
    return ast.dump(tree), tuple(numbered)
