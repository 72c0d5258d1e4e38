"""`merge` several banks of one make into one, and `pack` a bank's files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pilotage.navigator.bank.files import PLAIN, compress, task_files
from pilotage.navigator.bank.reader import read_header, read_meta, read_nodes
from pilotage.navigator.bank.records import Node
from pilotage.navigator.bank.writer import BankWriter
from pilotage.navigator.errors import BankError


@dataclass(frozen=True)
class MergeReport:
    """What a merge did: tasks in the result, nodes written, and nodes that were there already.

    `conflicts` are `task: node` of nodes that were there with other content. The first is kept, and what follows from
    the other is left out; where it is the root, another problem has the task's id, and all of it is left out. `graded`
    are those that were there and got the score of their candidate from the other bank.
    """

    tasks: int
    added: int
    known: int
    conflicts: tuple[str, ...]
    graded: int = 0


@dataclass(frozen=True)
class PackReport:
    """What packing did: files packed, and bytes of all task files before and after."""

    files: int
    bytes_before: int
    bytes_after: int


def merge(sources: Sequence[str | Path], out: str | Path) -> MergeReport:
    """Writes the nodes of several banks of one make to `out`, a new bank or another. Can be repeated after a kill.

    Raises BankError where they differ in actions, features, preset, model, budget or prompts, or one is damaged.
    """
    paths = [Path(source) for source in sources]
    if not paths:
        raise BankError("name at least one bank to merge")
    metas = [read_meta(path) for path in paths]
    for path, meta in zip(paths, metas, strict=True):
        if differ := metas[0].differences(meta):
            raise BankError(f"{path} and {paths[0]} were recorded with other {' and '.join(differ)}: keep them apart")
    tasks: set[str] = set()
    added = known = graded = 0
    conflicts: list[str] = []
    with BankWriter(out, metas[0]) as writer:
        for path in paths:
            for file in task_files(path):
                if read_header(file) is None:
                    continue
                header, nodes = read_nodes(file, writer.meta)
                writer.begin(header)
                tasks.add(header.task)
                found = _compare(nodes, writer.nodes(header.task))
                if found.new:
                    writer.add(header.task, *found.new)
                writer.grade(header.task, found.scores)
                added += len(found.new)
                known += found.same
                graded += len(found.scores)
                conflicts += [f"{header.task}: {clash}" for clash in found.clashes]
    return MergeReport(len(tasks), added, known, tuple(conflicts), graded)


def pack(path: str | Path) -> PackReport:
    """Compresses the plain task files of a bank. Readers take both forms; recording unpacks what it adds to."""
    path = Path(path)
    with BankWriter(path, read_meta(path)):
        files = task_files(path)
        before = sum(file.stat().st_size for file in files)
        plain = [file for file in files if file.name.endswith(PLAIN)]
        for file in plain:
            compress(file)
        return PackReport(len(plain), before, sum(file.stat().st_size for file in task_files(path)))


@dataclass
class _Compared:
    """Nodes that are new, how many are there alike, those that clash, and scores of candidates that only these tell."""

    new: list[Node] = field(default_factory=list)
    same: int = 0
    clashes: list[str] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)


def _compare(nodes: dict[str, Node], there: dict[str, Node]) -> _Compared:
    """How nodes compare to those that are there; what follows from one that clashes is left out."""
    found, left_out = _Compared(), set[str]()
    for node in nodes.values():
        other = there.get(node.id)
        if node.parent in left_out:
            left_out.add(node.id)
        elif other is None:
            found.new.append(node)
        elif (clash := _clash(node, other)) is not None:
            left_out.add(node.id)
            found.clashes.append(node.id + clash)
        else:
            found.same += 1
            if node.candidate_score is not None and other.candidate_score is None:
                found.scores[node.id] = node.candidate_score
    return found


def _clash(one: Node, other: Node) -> str | None:
    """How two nodes of one id differ; None where they do not."""
    shown = [node.extras.get("prompt") for node in (one, other)]  # of roots, and not of the oldest
    if None not in shown and shown[0] != shown[1]:
        return " (another problem under the same id)"
    # Seconds and cached tokens differ from run to run of the very same reasoning.
    content = [(node.text, node.candidate, node.answer, node.score) for node in (one, other)]
    grades = {one.candidate_score, other.candidate_score} - {None}
    return "" if content[0] != content[1] or len(grades) > 1 else None
