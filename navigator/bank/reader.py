"""Reading the files of a bank, strictly: the first thing that is wrong is named with its file and line."""

from __future__ import annotations

from pathlib import Path

from pilotage.navigator.bank.checks import faults
from pilotage.navigator.bank.files import META_FILE, parse, read_whole_lines
from pilotage.navigator.bank.records import ROOT, BankMeta, Node, TaskHeader, Tree
from pilotage.navigator.errors import BankError


def read_meta(path: Path) -> BankMeta:
    """The header of the bank in a folder; raises BankError where there is none."""
    file = path / META_FILE
    try:
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BankError(f"there is no bank in {path}: record one with `pilotage collect --out {path}`") from error
    except OSError as error:
        raise BankError(f"cannot read {file}: {error.strerror}") from error
    return BankMeta.from_json(parse(content, file, 1))


def read_header(file: Path) -> TaskHeader | None:
    """First line of a task's file; None where no node follows it yet. Raises BankError where it is no header."""
    lines = read_whole_lines(file)
    return _header(lines, file) if len(lines) > 1 else None


def read_nodes(file: Path, meta: BankMeta) -> tuple[TaskHeader, dict[str, Node]]:
    """Header and nodes of a task's file, parents before children.

    Raises:
        BankError: the file is empty, or a line is damaged, repeats a node, or does not fit the bank.
    """
    lines = read_whole_lines(file)
    if not lines:
        raise BankError(f"{file} is empty: delete it, and its task is recorded anew")
    header = _header(lines, file)
    nodes: dict[str, Node] = {}
    for number, line in enumerate(lines[1:], 2):
        data = parse(line, file, number)
        try:
            node = Node.from_json(data)
        except BankError as error:
            raise BankError(f"{file}, line {number}: {error}") from error
        if node.id in nodes:
            raise BankError(f"{file}, line {number} repeats node {node.id!r}: delete the line")
        wrong = next(faults(node, nodes.get(node.parent or ""), meta), None)
        if wrong is not None:
            raise BankError(
                f"{file}, line {number}, node {node.id!r}: {wrong}; `pilotage bank verify` lists all such faults"
            )
        nodes[node.id] = node
    return header, nodes


def read_tree(file: Path, meta: BankMeta) -> Tree:
    """The tree in a task's file; raises BankError where it is damaged or not begun."""
    header, nodes = read_nodes(file, meta)
    if ROOT not in nodes:
        raise BankError(f"{file} holds no node yet: record its task with `pilotage collect`, or delete the file")
    return Tree(header, nodes)


def _header(lines: list[bytes], file: Path) -> TaskHeader:
    data = parse(lines[0], file, 1)
    try:
        return TaskHeader.from_json(data)
    except BankError as error:
        raise BankError(f"{file}, line 1: {error}") from error
