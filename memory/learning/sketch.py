"""Program sketch: a program that solved one task, with what belonged to that task taken out.

Done on the syntax tree, not by a model: values assigned from literals become parameters, literals that stand in
the task's text or are handed to the program's own functions become placeholders, comments, sentences and names of
people go. A sketch is the most useful hint for a small model: it has run, and was right once.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from dataclasses import dataclass

from pilotage.memory.concept import Parameter
from pilotage.memory.text.lint import constants, names

_MAX_LINES = 40
_MAX_WIDTH = 160
_MAX_PARAMETERS = 8
_SENTENCE_WORDS = 4  # a string of so many words is prose: no part of the method, and a place for somebody's commands
_OTHER_BASES = re.compile(r"\b0(?:x[0-9a-fA-F]+|b[01]+|o[0-7]+)\b")
# A method computes; what reaches for the machine is no hint for anybody.
_OUTSIDE = frozenset(
    "os subprocess socket shutil ctypes requests urllib http httpx pickle importlib pathlib tempfile signal "
    "multiprocessing threading asyncio builtins code pty webbrowser smtplib ftplib".split()
)


@dataclass(frozen=True)
class Sketch:
    """Lines of the generalised program, and what varies in it."""

    lines: tuple[str, ...]
    parameters: tuple[Parameter, ...]


def sketch(program: str, prompt: str, answer: str = "") -> Sketch | None:
    """The program without its task: nothing of the task's text (`prompt`) or of its answer stays in it.

    None when the program cannot be read, reaches outside, is too long to be a hint, or keeps nothing of its own.
    """
    try:
        tree = ast.parse(program)
    except (SyntaxError, ValueError):
        return None
    if any(map(_reaches_outside, ast.walk(tree))):
        return None
    generaliser = _Generaliser(prompt, answer, {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)})
    tree = ast.fix_missing_locations(generaliser.visit(tree))
    lines = ast.unparse(tree).splitlines()
    if not lines or len(lines) > _MAX_LINES or max(map(len, lines)) > _MAX_WIDTH:
        return None
    if not any(map(_computes, ast.walk(tree))):
        return None  # it only printed what had been found without it
    return Sketch(tuple(lines), tuple(generaliser.parameters.values())[:_MAX_PARAMETERS])


class _Generaliser(ast.NodeTransformer):
    """Replaces literals by parameters. `parameters` lists them in the order in which they appear."""

    def __init__(self, prompt: str, answer: str, identifiers: set[str]) -> None:
        self.parameters: dict[str, Parameter] = {}
        self._prompt = prompt.lower()
        self._numbers = constants(prompt) | constants(answer) | set(re.findall(r"(?<![\w.])[3-9](?![\w.])", prompt))
        self._numbers |= {str(int(written, 0)) for written in _OTHER_BASES.findall(prompt)}
        self._functions: set[str] = set()
        self._names = names(prompt)
        self._placeholders: dict[object, str] = {}
        self._renamed: dict[str, str] = {}
        self._taken = identifiers | set(dir(builtins)) | set(keyword.kwlist)

    def visit_Module(self, node: ast.Module) -> ast.AST:
        kept = []
        self._functions = {one.name for one in node.body if isinstance(one, ast.FunctionDef)}
        for statement in node.body:
            if not isinstance(statement, ast.FunctionDef):
                self._take_arguments(statement)
            assigned = _assigned_literal(statement)
            if assigned is None:
                kept.append(self.visit(statement))
                continue
            name = self._clean(assigned[0])
            self._parameter(name, assigned[1])
            kept.append(ast.Assign([ast.Name(name, ast.Store())], ast.Constant(...)))
        node.body = [statement for statement in kept if statement is not None]
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if not self._belongs_to_task(node.value):
            return ast.Constant("...") if _is_prose(node.value) else node
        kind = "text" if isinstance(node.value, str) else "value"
        return self._placeholder(kind, node.value, node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        joined = _joined(node)
        if joined is None or not (_is_prose(joined) or self._belongs_to_task(joined)):
            return self.generic_visit(node)
        return self.visit_Constant(ast.Constant(joined))  # a sentence in pieces

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        node.values = [
            part if isinstance(part, ast.Constant) else self.visit(part)
            for part in node.values
            if not (isinstance(part, ast.Constant) and (self._belongs_to_task(part.value) or _is_prose(part.value)))
        ]
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.copy_location(ast.Name(self._clean(node.id), node.ctx), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._clean(node.name)
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self._clean(node.arg)
        return self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        node.arg = self._clean(node.arg) if node.arg else None
        return self.generic_visit(node)

    def _clean(self, identifier: str) -> str:
        """The identifier without the names of people that the task mentions; different ones stay different."""
        if identifier not in self._renamed:
            parts = [part for part in identifier.split("_") if part.lower() not in self._names]
            base = "_".join(parts).strip("_") or "item"
            if len(parts) == len(identifier.split("_")):
                self._renamed[identifier] = identifier
            else:
                base = base if base.isidentifier() else f"item_{base}"
                free = (base, *(f"{base}_{number}" for number in range(2, len(self._taken) + 3)))
                self._renamed[identifier] = next(name for name in free if name not in self._taken)
                self._taken.add(self._renamed[identifier])
        return self._renamed[identifier]

    def _belongs_to_task(self, value: object) -> bool:
        if isinstance(value, bool) or value is None:
            return False
        if isinstance(value, int | float):
            return str(value) in self._numbers or f"{value:g}" in self._numbers
        if not isinstance(value, str):
            return False
        text = value.strip().lower()
        if constants(text) & self._numbers or self._names & set(re.findall(r"[a-z]+", text)):
            return True
        telling = len(text) > 11 or " " in text or f'"{text}"' in self._prompt or f"'{text}'" in self._prompt
        return telling and any(map(str.isalpha, text)) and text in self._prompt

    def _take_arguments(self, statement: ast.stmt) -> None:
        """What is handed to one of the program's functions, outside of any, is what this task gave."""
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in self._functions:
                node.args = [self._given(argument) for argument in node.args]
                for given in node.keywords:
                    given.value = self._given(given.value)

    def _given(self, argument: ast.expr) -> ast.expr:
        if not _is_literal(argument):
            return argument
        kind = "text" if _type_name(argument) == "str" else "value"
        return self._placeholder(kind, ast.dump(argument), argument)

    def _placeholder(self, kind: str, key: object, literal: ast.expr) -> ast.Name:
        if key not in self._placeholders:
            name = f"{kind}_{len(self._placeholders) + 1}"
            self._placeholders[key] = name
            self._parameter(name, literal)
        return ast.Name(self._placeholders[key], ast.Load())

    def _parameter(self, name: str, value: ast.expr) -> None:
        self.parameters.setdefault(name, Parameter(name=name[:60], typing=_type_name(value)))


def _joined(node: ast.expr) -> str | None:
    """The text that literals make which are added to each other; None where anything else is added."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add)):
        return None
    left, right = _joined(node.left), _joined(node.right)
    return None if left is None or right is None else left + right


def _is_prose(value: object) -> bool:
    """Whether a literal is a sentence, or bytes, which may hide one."""
    if isinstance(value, bytes):
        return True
    return isinstance(value, str) and len(re.findall(r"[^\W\d_]{2,}", value)) >= _SENTENCE_WORDS


def _reaches_outside(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        modules = [node.module or ""]
    else:
        return isinstance(node, ast.Name) and node.id in ("exec", "compile", "__import__", "__builtins__")
    return any(module.split(".")[0] in _OUTSIDE for module in modules)


def _computes(node: ast.AST) -> bool:
    """Whether a node does more than to hold or print a value."""
    if isinstance(node, ast.Call):
        return not (isinstance(node.func, ast.Name) and node.func.id == "print")
    return isinstance(node, ast.operator | ast.cmpop | ast.comprehension | ast.For | ast.While | ast.Subscript)


def _assigned_literal(statement: ast.stmt) -> tuple[str, ast.expr] | None:
    """The variable that a statement sets to a literal of the task, and that, if it does only that."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, value = statement.targets[0], statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target, value = statement.target, statement.value
    else:
        return None
    if not isinstance(target, ast.Name) or not _is_literal(value):
        return None
    literal = ast.literal_eval(value)
    is_start = literal in (0, 1, "", None) or not literal  # where a computation starts: 0, 1, '', [], True
    return None if is_start else (target.id, value)


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError):
        return False
    return True


def _type_name(node: ast.expr) -> str:
    return type(ast.literal_eval(node)).__name__
