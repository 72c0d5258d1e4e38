"""BankWriter: adds nodes to a bank. What it has acknowledged is on disk, so a kill at any moment loses none of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import replace as changed
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock

from pilotage.common.files import replace
from pilotage.common.locks import FileLock
from pilotage.navigator.bank.checks import faults
from pilotage.navigator.bank.files import (
    META_FILE,
    PACKED,
    PLAIN,
    TASKS_FOLDER,
    append,
    cut_torn_line,
    decompress,
    encode,
    parse,
    read_whole_lines,
    rewrite,
    safe_name,
)
from pilotage.navigator.bank.reader import read_meta, read_nodes
from pilotage.navigator.bank.records import EARLIER, BankMeta, Node, TaskHeader
from pilotage.navigator.errors import BankError


class BankWriter(FileLock):
    """The one writer of a bank. Use it as a context manager, or close it.

        with BankWriter(path, meta) as writer:
            writer.begin(TaskHeader("gsm8k/1", "gsm8k"))
            if not writer.has("gsm8k/1", "r"):
                writer.add("gsm8k/1", node)

    What an earlier writer recorded is kept and known. A last line that a kill has torn is cut off. A packed task is
    unpacked when it is added to. Safe to use from several threads.

    Args:
        path: the folder; made where it is not there.
        meta: what all nodes share; must agree with what is there.

    Raises:
        BankError: the folder holds a bank of other settings, or another process is writing to it.
    """

    def __init__(self, path: str | Path, meta: BankMeta) -> None:
        self.path = Path(path)
        self._known: dict[str, tuple[TaskHeader | None, dict[str, Node]]] = {}
        self._guard = RLock()
        try:
            (self.path / TASKS_FOLDER).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BankError(f"cannot write a bank to {self.path}: {error.strerror}; choose another place") from error
        busy = BankError(f"another process is writing to the bank {path}: wait for it, or record elsewhere")
        super().__init__(self.path / "tasks.jsonl.lock", busy)
        try:
            self.meta = self._agreed(meta)
        except BaseException:
            self.close()
            raise

    def _agreed(self, meta: BankMeta) -> BankMeta:
        file = self.path / META_FILE
        if not file.exists():
            if meta.created == "":
                meta = changed(meta, created=datetime.now(UTC).isoformat(timespec="seconds"))
            replace(file, encode(meta.to_json()))
            return meta
        there = read_meta(self.path)
        if there.has_earlier_routes and not meta.has_earlier_routes:
            raise BankError(
                f"the bank {self.path} was {EARLIER}: it can be read, but not added to; record to another folder"
            )
        if differ := there.differences(meta):
            raise BankError(
                f"the bank {self.path} was recorded with other {' and '.join(differ)}: "
                "record with the same settings, or to another folder"
            )
        return there

    def begin(self, header: TaskHeader) -> None:
        """Opens a task for its nodes, if it is not open; raises BankError where it was begun with another header."""
        with self._guard:
            there, nodes = self._task(header.task)
            if there is None:
                self._append(header.task, encode(asdict(header)))
                self._known[header.task] = (header, nodes)
            elif there != header:
                raise BankError(f"task {header.task!r} was recorded as {there}, not as {header}: record it elsewhere")

    def has(self, task: str, node_id: str) -> bool:
        """Whether a node is on disk."""
        with self._guard:
            return node_id in self._task(task)[1]

    def nodes(self, task: str) -> dict[str, Node]:
        """What is recorded of a task, by id, parents before children; empty for a new task."""
        with self._guard:
            return dict(self._task(task)[1])

    def add(self, task: str, *added: Node) -> None:
        """Records nodes, parents first; they are on disk once this returns. All of them, or at an error none.

        Raises:
            BankError: the task was not begun, a node is recorded already, something is wrong with it, or the disk will
                not take it.
        """
        with self._guard:
            header, nodes = self._task(task)
            if header is None:
                raise BankError(f"task {task!r} was not begun: call begin(TaskHeader(...)) first")
            after = dict(nodes)
            for node in added:
                if node.id in after:
                    raise BankError(f"node {node.id!r} of task {task!r} is recorded already; ask has() first")
                wrong = next(faults(node, after.get(node.parent or ""), self.meta), None)
                if wrong is not None:
                    raise BankError(f"node {node.id!r} of task {task!r} cannot be recorded: {wrong}")
                after[node.id] = node
            self._append(task, b"".join(encode(node.to_json()) for node in added))
            self._known[task] = (header, after)

    def grade(self, task: str, scores: Mapping[str, float]) -> None:
        """Gives recorded nodes the scores of their candidates, by node id, 0 to 1.

        All of them are on disk once this returns; at an error, or a kill before, none.

        Raises:
            BankError: a node is not recorded or was graded otherwise, a score does not fit its node, or the disk will
                not take them.
        """
        with self._guard:
            header, nodes = self._task(task)
            after = dict(nodes)
            for id, score in scores.items():
                if id not in nodes:
                    raise BankError(f"task {task!r} has no node {id!r} whose candidate could be graded")
                if nodes[id].candidate_score not in (None, score):
                    raise BankError(f"the candidate of node {id!r} of task {task!r} has another score already")
                after[id] = changed(nodes[id], candidate_score=score)
                wrong = next(faults(after[id], nodes.get(nodes[id].parent or ""), self.meta), None)
                if wrong is not None:
                    raise BankError(f"the candidate of node {id!r} of task {task!r} cannot be graded so: {wrong}")
            if after != nodes:
                path = self._path(task)
                first, *lines = read_whole_lines(path)
                rewrite(path, [first, *(_graded(line, path, number, scores) for number, line in enumerate(lines, 2))])
                self._known[task] = (header, after)

    def _append(self, task: str, lines: bytes) -> None:
        plain, packed = self._files(task)
        if packed.exists():
            if plain.exists():  # killed between unpacking and deleting
                packed.unlink()
            else:
                decompress(packed)
        append(plain, lines)

    def _task(self, task: str) -> tuple[TaskHeader | None, dict[str, Node]]:
        if task not in self._known:
            plain, _ = self._files(task)
            if plain.is_file():
                cut_torn_line(plain)
            path = self._path(task)
            begun = path.is_file() and read_whole_lines(path)
            self._known[task] = read_nodes(path, self.meta) if begun else (None, {})
        return self._known[task]

    def _path(self, task: str) -> Path:
        plain, packed = self._files(task)
        return plain if plain.is_file() else packed

    def _files(self, task: str) -> tuple[Path, Path]:
        folder, name = self.path / TASKS_FOLDER, safe_name(task)
        return folder / (name + PLAIN), folder / (name + PACKED)


def _graded(line: bytes, path: Path, number: int, scores: Mapping[str, float]) -> bytes:
    """A node's line with the score of its candidate; one of another node as it is."""
    data = parse(line, path, number)
    return encode(data | {"candidate_score": scores[data["id"]]}).removesuffix(b"\n") if data["id"] in scores else line
