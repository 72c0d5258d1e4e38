"""Rows: the result lines of a file by key, each read when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pilotage.agent.batch.summary import EARLIER, SUMMED, spent
from pilotage.common.json_text import read_json


def key(task_id: str, order: int | None = None) -> str:
    """What names a result within its file: its task, and the order of tasks that it belongs to if there are several."""
    return task_id if order is None else f"{order}/{task_id}"


class Line(NamedTuple):
    """What is held of a result: where its line begins, what was asked (`Task.asked`), and whether in vain."""

    start: int
    asked: str | None
    failed: bool


class Rows(Mapping[str, dict[str, Any]]):
    """Results by key, each read from the file when it is asked for, so that a long file takes little memory.

    Attributes:
        lines: what is held of each; of several lines of one key the last one counts.
        replaced: whether the file has a line without a usable reply that a later one has taken the place of.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.lines: dict[str, Line] = {}
        self.replaced = False

    def note(self, result: dict[str, Any], start: int) -> None:
        """Notes that a result's line begins at a place of the file."""
        name = key(result["task_id"], result.get("order"))
        self.replaced |= name in self.lines and self.lines[name].failed
        self.lines[name] = Line(start, result.get("asked"), "error" in result)

    def raw(self, names: Iterable[str]) -> Iterator[bytes]:
        """The lines of some results as they stand, ends included."""
        with self._path.open("rb") as file:
            for name in names:
                file.seek(self.lines[name].start)
                yield file.readline()

    def __getitem__(self, name: str) -> dict[str, Any]:
        if name not in self.lines:
            raise KeyError(name)
        result: dict[str, Any] = read_json(next(self.raw([name])))
        return result

    @property
    def answered(self) -> str | None:
        """The key of a result that is no failure; None where there is none."""
        return next((name for name, line in self.lines.items() if not line.failed), None)

    def __contains__(self, name: object) -> bool:
        return name in self.lines

    def __iter__(self) -> Iterator[str]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)


def require_whole(result: dict[str, Any]) -> None:
    """Raises TypeError, KeyError or ValueError where a result lacks what is read of it again."""
    answer, score, usage = result["answer"], result["score"], result["usage"]
    numbers = [0 if score is None else score, *(usage[name] for name in SUMMED)]
    if not isinstance(answer, str | None) or not all(isinstance(number, int | float) for number in numbers):
        raise TypeError
    if EARLIER in result and not isinstance(result[EARLIER]["runs"], int):
        raise TypeError
    spent(result)
