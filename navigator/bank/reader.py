"""Reading the files of a bank, strictly: what is wrong is named with its file and line.

A reader stops at the first fault; `verify` lists all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pilotage.common.files import read_ordinary
from pilotage.navigator.bank.checks import HIDDEN, faults
from pilotage.navigator.bank.embeddings import EMBEDDINGS_FILE, TaskEmbeddings
from pilotage.navigator.bank.files import (
    META_FILE,
    PACKED,
    PLAIN,
    TASKS_FOLDER,
    is_torn,
    parse,
    read_whole_lines,
    safe_name,
    task_files,
)
from pilotage.navigator.bank.records import ROOT, BankMeta, Node, TaskHeader
from pilotage.navigator.errors import BankError


def read_meta(path: Path) -> BankMeta:
    """The header of the bank in a folder; raises BankError where there is none."""
    file = path / META_FILE
    try:
        content = read_ordinary(file)
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
    """Header and nodes of a file, parents before children; raises BankError at its first fault, or if it is empty."""
    lines = read_whole_lines(file)
    if not lines:
        raise BankError(f"{file} is empty: delete it, and its task is recorded anew")
    header = _header(lines, file)
    nodes: dict[str, Node] = {}
    for number, wrong in _wrong(lines, file, meta, nodes):
        where = "" if str(file) in wrong else f"{file}, line {number}: "
        raise BankError(f"{where}{wrong}; `pilotage bank verify` lists all such faults")
    return header, nodes


def _header(lines: list[bytes], file: Path) -> TaskHeader:
    data = parse(lines[0], file, 1)
    try:
        return TaskHeader.from_json(data)
    except BankError as error:
        raise BankError(f"{file}, line 1: {error}") from error


def _wrong(lines: list[bytes], file: Path, meta: BankMeta, nodes: dict[str, Node]) -> Iterator[tuple[int, str]]:
    """Line by line what is wrong with the nodes, one clause each; puts those that can be read into `nodes`."""
    for number, line in enumerate(lines[1:], 2):
        data: dict[str, Any] = {}
        try:
            data = parse(line, file, number)
            node = Node.from_json(data)
        except BankError as error:
            leaks = [f"; {key!r} is a hidden answer and must not be in a bank" for key in sorted(HIDDEN & data.keys())]
            yield number, "".join((str(error), *leaks[:1]))
            continue
        if node.id in nodes:
            yield number, f"node {node.id!r} is here already: delete the line"
            continue
        for fault in faults(node, nodes.get(node.parent or ""), meta):
            yield number, f"node {node.id!r}: {fault}"
        nodes[node.id] = node


@dataclass(frozen=True)
class Finding:
    """One thing to know of a bank: an error, which keeps it from being read, or a harmless note; and what to do."""

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
            findings += _verified(file, meta, seen)
        except BankError as error:
            findings.append(Finding("error", str(file), str(error)))
    findings += _of_embeddings(path, seen)
    if not seen:
        findings.append(Finding("error", str(path), "the bank holds no task yet: record some with `pilotage collect`"))
    for file in sorted((path / TASKS_FOLDER).glob("*")):
        what = ""
        if file.name.endswith(PACKED) and file.with_name(file.name.removesuffix(PACKED) + PLAIN).exists():
            what = "the plain file beside it is the newer one; this one can be deleted"
        elif not file.name.endswith((PACKED, PLAIN)):
            what = "no file of a bank, left by a kill perhaps; it can be deleted"
        findings += [Finding("note", str(file), what)] if what else []
    return findings


def _of_embeddings(path: Path, tasks: Collection[str]) -> Iterator[Finding]:
    """What is wrong with the embeddings of a bank that has some."""
    where = str(path / EMBEDDINGS_FILE)
    try:
        found = TaskEmbeddings.read(path)
    except BankError as error:
        yield Finding("error", where, str(error))
        return
    if found is None:
        return
    if lacking := sorted(set(tasks) - set(found.tasks)):
        what = f"{len(lacking)} tasks have no embedding, {lacking[0]!r} for one: run `pilotage bank embed`"
        yield Finding("error", where, what)
    if blank := [task for task, vector in zip(found.tasks, found.vectors, strict=True) if not vector.any()]:
        what = f"{len(blank)} embeddings say nothing, that of {blank[0]!r} for one: embed the tasks anew"
        yield Finding("error", where, what)


def _verified(file: Path, meta: BankMeta, seen: dict[str, Path]) -> Iterator[Finding]:
    lines = read_whole_lines(file)
    if is_torn(file):
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
    found = [Finding("error", f"{file}:{number}", wrong) for number, wrong in _wrong(lines, file, meta, nodes)]
    yield from found
    if ROOT not in nodes:
        yield Finding("error", str(file), "it has no root: record its task, or delete the file")
    if not found:
        yield from (Finding("note", str(file), what) for what in _of_two_minds(nodes))


def _of_two_minds(nodes: Mapping[str, Node]) -> Iterator[str]:
    """Nodes whose candidate has another score than the same text elsewhere in the tree: a grader sees no more."""
    graded: dict[str, tuple[str, float]] = {}
    for node in nodes.values():
        if node.answer is not None:
            graded.setdefault(node.answer, (node.id, node.score))
    for node in nodes.values():
        if node.candidate is None or node.candidate_score is None:
            continue
        first, score = graded.setdefault(node.candidate, (node.id, node.candidate_score))
        if score != node.candidate_score:
            yield (
                f"the candidate of node {node.id!r} is scored {node.candidate_score:g}, the same text at {first!r} "
                f"{score:g}: edited, or by a grader that does not repeat itself"
            )
