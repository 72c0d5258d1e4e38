"""`merge` several banks of one make into one, and `pack` a bank's files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pilotage.navigator.bank.files import PLAIN, compress, task_files
from pilotage.navigator.bank.reader import read_header, read_meta, read_nodes
from pilotage.navigator.bank.records import Node
from pilotage.navigator.bank.writer import BankWriter
from pilotage.navigator.errors import BankError


@dataclass(frozen=True)
class MergeReport:
    """What a merge did.

    Attributes:
        tasks: tasks in the result.
        added: nodes written.
        known: nodes that were there already, with the same content.
        conflicts: `task: node` of nodes that were there with other content. The first is kept, and what follows from
            the other is left out. Where it is the root, another problem has the task's id, and all of it is left out.
    """

    tasks: int
    added: int
    known: int
    conflicts: tuple[str, ...]


@dataclass(frozen=True)
class PackReport:
    """What packing did: files packed, and bytes of all task files before and after."""

    files: int
    bytes_before: int
    bytes_after: int


def merge(sources: Sequence[str | Path], out: str | Path) -> MergeReport:
    """Writes the nodes of several banks to `out`, a new bank or one of the same make. Can be repeated after a kill.

    Raises:
        BankError: the banks differ in actions, features, preset, model, budget or prompts, or one is damaged.
    """
    paths = [Path(source) for source in sources]
    if not paths:
        raise BankError("name at least one bank to merge")
    metas = [read_meta(path) for path in paths]
    for path, meta in zip(paths, metas, strict=True):
        if differ := metas[0].differences(meta):
            raise BankError(f"{path} and {paths[0]} were recorded with other {' and '.join(differ)}: keep them apart")
    tasks: set[str] = set()
    added = known = 0
    conflicts: list[str] = []
    with BankWriter(out, metas[0]) as writer:
        for path in paths:
            for file in task_files(path):
                if read_header(file) is None:
                    continue
                header, nodes = read_nodes(file, writer.meta)
                writer.begin(header)
                tasks.add(header.task)
                there = writer.nodes(header.task)
                new, clashing = _compare(nodes, there)
                if new:
                    writer.add(header.task, *new)
                added += len(new)
                known += len(nodes) - len(new) - len(clashing)
                conflicts += [
                    f"{header.task}: {_named(nodes[id], there[id])}"
                    for id in clashing
                    if nodes[id].parent not in clashing
                ]
    return MergeReport(len(tasks), added, known, tuple(conflicts))


def pack(path: str | Path) -> PackReport:
    """Compresses all plain task files of a bank. Readers take both forms; recording unpacks what it adds to.

    Raises:
        BankError: there is no bank, or another process is writing to it.
    """
    path = Path(path)
    with BankWriter(path, read_meta(path)):
        files = task_files(path)
        before = sum(file.stat().st_size for file in files)
        plain = [file for file in files if file.name.endswith(PLAIN)]
        for file in plain:
            compress(file)
        return PackReport(len(plain), before, sum(file.stat().st_size for file in task_files(path)))


def _compare(nodes: dict[str, Node], there: dict[str, Node]) -> tuple[list[Node], set[str]]:
    """Nodes that are new, and ids of those that clash or follow from one that does."""
    new: list[Node] = []
    clashing: set[str] = set()
    for node in nodes.values():
        other = there.get(node.id)
        if node.parent in clashing or (other is not None and not _same(node, other)):
            clashing.add(node.id)
        elif other is None:
            new.append(node)
    return new, clashing


def _named(node: Node, other: Node) -> str:
    return node.id if _shows_the_same(node, other) else f"{node.id} (another problem under the same id)"


def _shows_the_same(one: Node, other: Node) -> bool:
    shown = [node.extras.get("prompt") for node in (one, other)]  # of roots, and not of the oldest
    return None in shown or shown[0] == shown[1]


def _same(one: Node, other: Node) -> bool:
    # Seconds and cached tokens differ from run to run of the very same reasoning.
    told = [(node.text, node.candidate, node.answer, node.score) for node in (one, other)]
    return told[0] == told[1] and _shows_the_same(one, other)
