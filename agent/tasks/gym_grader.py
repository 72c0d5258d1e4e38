"""Grades reasoning-gym answers by the family's own verifier, without letting an answer run as code.

Several verifiers hand the answer to Python's `eval`, or to SymPy, which evaluates too. An answer comes from a model,
so for those families it is first held against a small grammar, and what does not fit is a miss.
"""

from __future__ import annotations

import ast
import asyncio
import functools
import logging
import re
from collections.abc import Callable
from typing import Any

from pilotage.agent.task import Task
from pilotage.agent.tasks.grading import RIGHT, WRONG, Grade, grade_number
from pilotage.agent.tasks.gym import load_gym

logger = logging.getLogger("pilotage.tasks")

# Verifiers that evaluate an answer as a Python list, and as a SymPy expression.
EVALUATED_LISTS = frozenset({"binary_matrix", "n_queens", "spiral_matrix", "string_insertion"})
EVALUATED_EXPRESSIONS = frozenset(
    {"countdown", "intermediate_integration", "polynomial_multiplication", "puzzle24", "simple_integration"}
)

# Verifiers give parts of a point for near misses, and a little less than one for a rounded root; from here on an
# answer is right.
FULL_CREDIT = 0.99

_LONGEST_EXPRESSION = 500
_LARGEST_EXPONENT = 20
_DEEPEST_POWER = 3
_FUNCTIONS = frozenset(
    "sin cos tan sec csc cot asin acos atan sinh cosh tanh asinh acosh atanh exp log ln sqrt Abs".split()
)
_CONSTANTS = frozenset({"pi", "E"})
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)


class GymGrader:
    """1 if the family's verifier accepts the answer, or if a plain number equals the expected one."""

    async def grade(self, task: Task, answer: str | None) -> Grade:
        """1 if the verifier gives full credit; an answer that it would evaluate is not given to it and scores 0.

        Raises:
            MissingExtra: reasoning-gym is not installed.
        """
        if answer is None:
            return WRONG
        if task.kind == "numeric":
            grade = grade_number(task, answer)
            if grade.score == 1.0:
                return grade
        family = str(task.metadata["family"])
        if not is_harmless(family, answer):
            return WRONG
        credit = await asyncio.to_thread(_credit, family, answer, task.metadata["entry"])
        return RIGHT if credit >= FULL_CREDIT else WRONG


def is_harmless(family: str, answer: str) -> bool:
    """Whether the family's verifier may see the answer: it is not evaluated, or can't do anything if it is."""
    if family in EVALUATED_LISTS:
        # No call, no attribute, no power: only words, digits, quotes and brackets.
        return not re.search(r"[^\w\s,.\-'\"\[\]]|\.\s*[^\W\d]", answer)
    if family in EVALUATED_EXPRESSIONS:
        return len(answer) <= _LONGEST_EXPRESSION and _is_arithmetic(answer)
    return True


def _is_arithmetic(text: str) -> bool:
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return _allowed(tree.body, powers=0)


def _allowed(node: ast.expr, powers: int) -> bool:
    """Numbers, single letters, + - * / **, and known functions; no tower of powers that would never end."""
    match node:
        case ast.Constant(value=int() | float()):
            return True
        case ast.Name(id=name):
            return len(name) == 1 or name in _CONSTANTS
        case ast.UnaryOp(op=ast.UAdd() | ast.USub(), operand=operand):
            return _allowed(operand, powers)
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]):
            return name in _FUNCTIONS and _allowed(argument, powers)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return powers < _DEEPEST_POWER and _allowed(left, powers + 1) and _is_small(right)
        case ast.BinOp(left=left, op=op, right=right):
            return isinstance(op, _OPERATORS) and _allowed(left, powers) and _allowed(right, powers)
    return False


def _is_small(exponent: ast.expr) -> bool:
    """Whether an exponent is a letter, a small number, or a fraction of them."""
    match exponent:
        case ast.Constant(value=int() | float() as value):
            return value <= _LARGEST_EXPONENT
        case ast.Name(id=name):
            return len(name) == 1
        case ast.UnaryOp(op=ast.UAdd() | ast.USub(), operand=operand):
            return _is_small(operand)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _is_small(left) and _is_small(right)
    return False


def _credit(family: str, answer: str, entry: dict[str, Any]) -> float:
    """The verifier's score, for the answer as it is or without a full stop that ends it.

    Some verifiers raise where they cannot read an answer. If they can read the expected one, that answer is wrong.
    """
    verify = _verifier(family)
    credits = [0.0]
    for spelling in {answer, answer.removesuffix(".")}:
        try:
            credits.append(float(verify(spelling, entry)))
        except Exception as error:  # whatever a verifier of a hundred may raise
            if entry["answer"] is not None:
                verify(str(entry["answer"]), entry)
            logger.info("the verifier of %s cannot read an answer: %s", family, error)
    return max(credits)


@functools.cache
def _verifier(family: str) -> Callable[[str, dict[str, Any]], float]:
    load_gym()
    from reasoning_gym import get_score_answer_fn

    verify: Callable[[str, dict[str, Any]], float] = get_score_answer_fn(family)
    return verify
