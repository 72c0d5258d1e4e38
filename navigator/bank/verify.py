"""`verify`: everything that is wrong with a bank, not only the first thing that a reader would stop at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pilotage.navigator.bank.checks import HIDDEN, faults
from pilotage.navigator.bank.files import PACKED, PLAIN, TASKS_FOLDER, parse, read_whole_lines, safe_name, task_files
from pilotage.navigator.bank.reader import read_meta
from pilotage.navigator.bank.records import ROOT, BankMeta, Node, TaskHeader
from pilotage.navigator.errors import BankError


@dataclass(frozen=True)
class Finding:
    """One thing to know of a bank.

    Attributes:
        level: `error` keeps the bank from being read; `note` is harmless.
        where: the file, and the line where one is meant.
        what: the fault, and what to do.
    """

    level: Literal["error", "note"]
    where: str
    what: str


def verify(path: str | Path) -> list[Finding]:
    """All findings of the bank in a folder, in the order of its files; none for a sound one."""
    path = Path(path)
    try:
        meta = read_meta(path)
    except BankError as error:
        return [Finding("error", str(path), str(error))]
    findings: list[Finding] = []
    seen: dict[str, Path] = {}
    for file in task_files(path):
        try:
            findings += _file(file, meta, seen)
        except BankError as error:
            findings.append(Finding("error", str(file), str(error)))
    if not seen:
        findings.append(Finding("error", str(path), "the bank holds no task yet: record some with `pilotage collect`"))
    findings += _leftovers(path)
    return findings


def _file(file: Path, meta: BankMeta, seen: dict[str, Path]) -> Iterator[Finding]:
    lines = read_whole_lines(file)
    if file.name.endswith(PLAIN) and file.read_bytes()[-1:] not in (b"\n", b""):
        yield Finding("note", str(file), "its last line is torn; it was never acknowledged, and recording cuts it off")
    if not lines:
        yield Finding("note", str(file), "it is empty; its task is recorded anew")
        return
    header = TaskHeader.from_json(parse(lines[0], file, 1))
    if header.task in seen:
        yield Finding("error", str(file), f"task {header.task!r} is in {seen[header.task].name} too: delete one")
    seen[header.task] = file
    if file.name.removesuffix(PACKED).removesuffix(PLAIN) != safe_name(header.task):
        yield Finding("error", str(file), f"task {header.task!r} belongs in {safe_name(header.task)}{PLAIN}: rename it")
    if len(lines) == 1:
        yield Finding("note", str(file), "it holds no node yet; its task is recorded when recording goes on")
        return
    nodes: dict[str, Node] = {}
    for number, line in enumerate(lines[1:], 2):
        where = f"{file}:{number}"
        try:
            node = Node.from_json(parse(line, file, number))
        except BankError as error:
            yield Finding("error", where, str(error) + _leak(line))
            continue
        if node.id in nodes:
            yield Finding("error", where, f"node {node.id!r} is here already: delete the line")
            continue
        for fault in faults(node, nodes.get(node.parent or ""), meta):
            yield Finding("error", where, f"node {node.id!r}: {fault}")
        nodes[node.id] = node
    if ROOT not in nodes:
        yield Finding("error", str(file), "it has no root: record its task, or delete the file")


def _leak(line: bytes) -> str:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return ""
    leaked = sorted(HIDDEN & data.keys()) if isinstance(data, dict) else []
    return f"; {leaked[0]!r} is a hidden answer and must not be in a bank" if leaked else ""


def _leftovers(path: Path) -> Iterator[Finding]:
    for file in sorted((path / TASKS_FOLDER).glob("*")):
        if file.name.endswith(PACKED) and file.with_name(file.name.removesuffix(PACKED) + PLAIN).exists():
            yield Finding("note", str(file), "the plain file beside it is the newer one; this one can be deleted")
        elif not file.name.endswith((PACKED, PLAIN)):
            yield Finding("note", str(file), "no file of a bank, left by a kill perhaps; it can be deleted")
