"""Results: a JSON-Lines file of runs that survives kill -9."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import IO, Any, Self

from agent.errors import PilotageError, UsageError
from agent.redaction import redact
from agent.text import json_line
from memory.json_text import read_json
from navigator.files import replace


def key_of(result: dict[str, Any]) -> str:
    """What names a result within its file: its task, and the order of tasks that it belongs to if there are several."""
    return key(result["task_id"], result.get("order"))


def key(task_id: str, order: int | None = None) -> str:
    """The key of a task's result in one order of the tasks."""
    return task_id if order is None else f"{order}/{task_id}"


class ResultsFile:
    """A JSON-Lines file of runs: a line is on disk once `append` returns.

    Args:
        path: the file; created with its folder.
        resume: keep what is there and go on. Without it, a file that holds anything is refused.
        settings: what every line must agree on (`model`, `policy`, `seed`), so that two experiments never mix.
        learning: when memory learns from the runs (`no`, `each`, `every=N`), on which a resumed file must agree too:
            batches cut in other places would take finished runs for unfinished ones. None where it does not matter.

    Attributes:
        done: results by key (`key_of`).
        resumed: whether runs with ids of this file may have been begun before.

    Raises:
        UsageError: the file cannot be written, holds results already, or holds those of other settings.
    """

    def __init__(self, path: Path, *, resume: bool, settings: dict[str, Any], learning: str | None = None) -> None:
        self.path, self._learning = path, learning
        if path.exists() and not path.is_file():
            raise UsageError(f"cannot write results to {path}: it is no ordinary file; choose another --out")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            before = path.read_bytes()
            if before and not resume:
                raise UsageError(f"{path} holds results already; add --resume to go on, or choose another --out")
            # A last line without its end was torn by a kill in the middle of a write: its task is not done yet.
            whole = before[: before.rfind(b"\n") + 1]
            self.done = self._read(whole, settings)
            os.truncate(path, len(whole))
            self._file: IO[bytes] = open(path, "ab", buffering=0)  # noqa: SIM115 (closed by close)
            self._label, learnt = self._read_label() if resume else (None, None)
            if learning is not None and learnt is not None and learnt != learning:
                self.close()
                raise UsageError(
                    f"{path} was made with learning {learnt!r}, not {learning!r}; resume with the same --learn or "
                    "choose another --out"
                )
            self.resumed = self._label is not None
        except OSError as error:
            raise UsageError(f"cannot write results to {path}: {error.strerror}; choose another --out") from error

    def _read(self, content: bytes, settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
        done = {}
        for number, line in enumerate(content.splitlines(), 1):
            try:
                result = read_json(line)
                done[key_of(result)] = result
            except (ValueError, TypeError, KeyError) as error:
                raise UsageError(
                    f"{self.path}, line {number} is no result of pilotage; choose another --out"
                ) from error
            for name, value in settings.items():
                if result.get(name) != value:
                    raise UsageError(
                        f"{self.path} was made with {name} {result.get(name)!r}, not {value!r}; resume with the same "
                        "settings or choose another --out"
                    )
        return done

    @property
    def label(self) -> str:
        """A name of this file's experiment, for the ids of its runs: the same after a kill, another in another file.

        It is kept in a small file beside this one, because a run may be killed after it wrote to memory and before its
        line is here.
        """
        if self._label is None:
            self._label = secrets.token_hex(6)
            replace(self._label_path, " ".join(filter(None, (self._label, self._learning))).encode())
        return self._label

    def append(self, *results: dict[str, Any]) -> None:
        """Writes results durably; raises PilotageError, the file left whole, where the disk will not take them."""
        end = self.path.stat().st_size
        lines = _lines(results)
        try:
            while lines:  # a disk that is nearly full takes a part
                lines = lines[self._file.write(lines) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            os.truncate(self.path, end)
            raise PilotageError(
                f"cannot write to {self.path}: {error.strerror}; free some space, then run again with --resume"
            ) from error
        self.done.update((key_of(result), result) for result in results)

    def drop(self, keys: Collection[str]) -> None:
        """Takes results out again, because their tasks are to be solved anew. All of them or, after a kill, none."""
        if not self.done.keys() & set(keys):
            return
        self.done = {name: result for name, result in self.done.items() if name not in keys}
        self._file.close()
        replace(self.path, _lines(self.done.values()))
        self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115 (closed by close)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _label_path(self) -> Path:
        return self.path.with_name(self.path.name + ".run")

    def _read_label(self) -> tuple[str | None, str | None]:
        try:
            label, _, learning = self._label_path.read_text(encoding="utf-8").strip().partition(" ")
            return label or None, learning or None
        except FileNotFoundError:
            return None, None


def _lines(results: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(redact(json_line(result)).encode() + b"\n" for result in results)
