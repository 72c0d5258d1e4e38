"""Results: a JSON-Lines file of runs that survives kill -9."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pilotage.agent.batch.rows import Rows, key, require_whole
from pilotage.agent.batch.summary import EARLIER, spent
from pilotage.agent.errors import PilotageError, UsageError
from pilotage.agent.task import Task
from pilotage.agent.tasks.grading import score_of
from pilotage.common.files import append_durably, is_torn, replace
from pilotage.common.json_text import read_json
from pilotage.common.locks import FileLock
from pilotage.common.paths import expanded
from pilotage.common.redaction import redact
from pilotage.common.text import json_line

if TYPE_CHECKING:
    from pilotage.agent.sandbox import Sandbox


_BEGINNINGS = (b'{"format": ', b'{"task_id": ')
"""Of every line, now and in older versions."""


class ResultsFile(FileLock):
    """A JSON-Lines file of runs, with one writer at a time: a line is on disk once `append` returns.

    A damaged line of a file that is resumed goes to the file `damaged`, and its task is solved anew; a warning says so.

    Args:
        path: the file; created with its folder.
        resume: keep what is there and go on. Without it, a file that holds anything is refused.
        settings: what every line must agree on (`model`, `policy`, `seed`), so that two experiments never mix.
        conditions: what else the answers depend on and no line tells (`learning`, `max_tokens`, `sandbox`, ...), plain
            values by name, on which a resumed file that holds an answer must agree too. They are kept in the small file
            beside it.

    Attributes:
        done: results by key.
        conditions: as they were given.
        resumed: whether runs with ids of this file may have been begun before.
        untold: conditions that a resumed file, of an older version, says nothing of.

    Raises:
        UsageError: the file cannot be written, holds results already, holds those of other settings, or another process
            is writing to it.
    """

    def __init__(
        self, path: str | Path, *, resume: bool, settings: dict[str, Any], conditions: Mapping[str, Any] | None = None
    ) -> None:
        self.path = path = expanded(path)
        self._label_path = path.with_name(path.name + ".run")
        self.conditions = dict(conditions or {})
        if path.exists() and not path.is_file():
            raise UsageError(f"cannot write results to {path}: it is no ordinary file; choose another --out")
        self._file: IO[bytes] | None = None
        self._again: set[str] = set()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # By whatever name it was given: behind a link lies one file, which `replace` would put beside itself.
            self._place = Path(os.path.realpath(path))
            busy = UsageError(f"another process is writing results to {path}: wait for it, or choose another --out")
            super().__init__(self._place.with_name(self._place.name + ".lock"), busy)
            try:
                self._open(resume, settings)
            except BaseException:
                self.close()
                raise
        except OSError as error:
            raise UsageError(f"cannot write results to {path}: {error.strerror}; choose another --out") from error

    def _open(self, resume: bool, settings: Mapping[str, Any]) -> None:
        self.path.touch()
        if self.path.stat().st_size and not resume:
            raise UsageError(f"{self.path} holds results already; add --resume to go on, or choose another --out")
        self.done, end, damaged = self._read(settings)
        self._label, before = self._read_label() if resume else (None, {})
        if self.done.answered is not None:
            self._require_same(before, self.conditions)
        self.untold = [name for name in self.conditions if name not in before] if self.done else []
        # A last line without its end was torn by a kill in the middle of a write: its task is not done yet.
        os.truncate(self.path, end)
        self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115 (closed by close)
        self._set_damaged_aside(damaged)
        self.resumed = self._label is not None
        if self._label is not None and before != before | self.conditions:
            self._keep_label(self._label, before | self.conditions)

    def _read(self, settings: Mapping[str, Any]) -> tuple[Rows, int, list[bytes]]:
        """The results, where the last whole line ends, and damaged lines.

        Raises:
            UsageError: a result was made with other settings, or no line is a result, so that the file is another one.
        """
        done, start, first = Rows(self.path), 0, 0
        damaged: list[bytes] = []
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    if not line.endswith(b"\n"):
                        if is_torn(line, *_BEGINNINGS):
                            break
                        raise ValueError
                    result = read_json(line)
                    require_whole(result)
                    done.note(result, start)
                except (ValueError, TypeError, KeyError, AttributeError):
                    first = first or number
                    damaged.append(line)
                else:
                    self._require_same({name: result.get(name) for name in settings}, settings)
                start += len(line)
        if damaged and not done:
            raise UsageError(f"{self.path}, line {first} is no result of pilotage; choose another --out")
        return done, start, damaged

    def _set_damaged_aside(self, lines: Sequence[bytes]) -> None:
        """Moves lines that cannot be read to the end of the file `damaged`, and keeps all others."""
        if not lines:
            return
        _append(self.damaged, (line.rstrip(b"\n") + b"\n" for line in lines))
        self._rewrite(self.done.raw(self.done))
        logging.getLogger(__name__).warning(
            "%d of the lines of %s could not be read and went to %s: their tasks are solved anew",
            len(lines), self.path, self.damaged,
        )  # fmt: skip

    def _require_same(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        both = [name for name in now if name in before]
        differing = [f"{name} {before[name]!r}, not {now[name]!r}" for name in both if before[name] != now[name]]
        if differing:
            raise UsageError(
                f"{self.path} was made with {' and '.join(differing)}; resume with the same settings or choose "
                "another --out"
            )

    def require(self, settings: Mapping[str, Any]) -> None:
        """Raises UsageError where an answer that is held was made with other settings, as every line tells them."""
        if (name := self.done.answered) is not None:
            self._require_same(self.done[name], settings)

    def holds(self, task: Task, order: int | None = None) -> bool:
        """Whether the result of a task is there, and not to be tried again.

        One of an older version, which does not tell what was asked, is there.
        """
        name = key(task.id, order)
        return name in self.done and name not in self._again and self._answers(task, name)

    def _answers(self, task: Task, name: str) -> bool:
        return self.done.lines[name].asked in (None, task.asked)

    def changed(self, tasks: Iterable[Task], order: int | None = None) -> list[str]:
        """Keys of results that have the id of one of the tasks and answer another question."""
        names = {key(task.id, order): task for task in tasks}
        return [name for name, task in names.items() if name in self.done and not self._answers(task, name)]

    def failed(self, tasks: Iterable[Task], order: int | None = None) -> list[str]:
        """Keys of results of the tasks that had no usable reply."""
        names = (key(task.id, order) for task in tasks)
        return [name for name in names if name in self.done and self.done.lines[name].failed]

    def try_again(self, names: Iterable[str]) -> None:
        """Lets the tasks of results be solved anew. Their lines stay until others are written in their place.

        Each of these tells under `earlier` how many runs there were before it and what they cost, so that it counts.
        """
        self._again |= self.done.keys() & set(names)

    @property
    def label(self) -> str:
        """A name of this file's experiment, for the ids of its runs: the same after a kill, another in another file.

        It is kept in a small file beside this one, because a run may be killed after it wrote to memory and before its
        line is here.
        """
        if self._label is None:
            self._label = secrets.token_hex(6)
            self._keep_label(self._label, self.conditions)
        return self._label

    def append(self, *results: dict[str, Any]) -> None:
        """Writes results durably; raises PilotageError, the file left whole, where the disk will not take them."""
        _ = self.label  # what the answers depend on is on disk before the first of them
        end = self.path.stat().st_size
        results = tuple(self._with_earlier(result) for result in results)
        lines = [_line(result) for result in results]
        assert self._file is not None  # it is open until `close`
        try:
            append_durably(self._file, b"".join(lines))
        except OSError as error:
            raise PilotageError(
                f"cannot write to {self.path}: {error.strerror}; free some space, then run again with --resume"
            ) from error
        for result, line in zip(results, lines, strict=True):
            self.done.note(result, end)
            self._again.discard(key(result["task_id"], result.get("order")))
            end += len(line)

    def _with_earlier(self, result: dict[str, Any]) -> dict[str, Any]:
        """A result with what the runs cost whose line it takes the place of."""
        name = key(result["task_id"], result.get("order"))
        if name not in self._again:
            return result
        before = self.done[name]
        runs = 1 + before.get(EARLIER, {}).get("runs", 0)
        return result | {EARLIER: {"runs": runs, "usage": spent(before).model_dump(mode="json")}}

    def drop(self, names: Collection[str]) -> None:
        """Takes results out again, because their tasks are to be solved anew. All of them or, after a kill, none."""
        gone = set(names)
        if self.done.keys() & gone:
            self._rewrite(self.done.raw([name for name in self.done if name not in gone]))

    def set_aside(self, names: Sequence[str]) -> None:
        """Moves results, because they answer other questions, to the end of the file `aside`."""
        if not names:
            return
        _append(self.aside, self.done.raw(names))
        self.drop(names)

    @property
    def aside(self) -> Path:
        """Where results go that answered other questions."""
        return self.path.with_name(self.path.name + ".replaced")

    @property
    def damaged(self) -> Path:
        """Where lines go that cannot be read."""
        return self.path.with_name(self.path.name + ".damaged")

    def amend(self, fields: Mapping[str, Mapping[str, Any]]) -> None:
        """Gives results, by key, other fields: other scores, say. All of them or, after a kill, none."""
        if fields:
            rows = ((name, self.done[name]) for name in self.done)
            self._rewrite(_line({**row, **fields.get(name, {})}) for name, row in rows)

    def _rewrite(self, lines: Iterable[bytes]) -> None:
        assert self._file is not None
        self._file.close()
        try:
            replace(self._place, lines)
        finally:
            self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115 (closed by close)
        self.done, _, _ = self._read({})
        self._again &= self.done.keys()

    def close(self) -> None:
        """Closes the file, a line to a task, and lets another process write to it."""
        try:
            if self._file is not None and not self._file.closed and self.done.replaced:
                self._rewrite(self.done.raw(self.done))
        finally:
            if self._file is not None:
                self._file.close()
            super().close()

    def _keep_label(self, label: str, conditions: Mapping[str, Any]) -> None:
        replace(self._label_path, json_line({"label": label, "conditions": dict(conditions)}).encode() + b"\n")

    def _read_label(self) -> tuple[str | None, dict[str, Any]]:
        """The label and the conditions; an older version wrote `LABEL` or `LABEL LEARNING`."""
        try:
            content = self._label_path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None, {}
        if content.startswith("{"):
            try:
                kept = read_json(content)
                return str(kept["label"]), dict(kept["conditions"])
            except (ValueError, TypeError, KeyError) as error:
                raise UsageError(f"{self._label_path} is damaged; choose another --out") from error
        label, _, learning = content.partition(" ")
        return label or None, {"learning": learning} if learning else {}


def _append(path: Path, lines: Iterable[bytes]) -> None:
    with path.open("ab") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())


def _line(result: dict[str, Any]) -> bytes:
    return redact(json_line(result)).encode() + b"\n"


async def regrade(
    results: ResultsFile, tasks: Iterable[Task], order: int | None = None, sandbox: Sandbox | None = None
) -> list[str]:
    """Gives the results of the tasks the scores that they have now; returns the ids of those whose score changed.

    A result keeps its score where its answer cannot be graded here, or answers another question. What is hidden of a
    task is written nowhere, so that a file cannot tell whether it changed: every answer is graded anew, and no model is
    asked. The hidden tests of `program` tasks run in the sandbox, by default the isolated one of this machine.
    """
    scores: dict[str, dict[str, float | None]] = {}
    changed = []
    for task in tasks:
        if not results.holds(task, order):
            continue
        name = key(task.id, order)
        result = results.done[name]
        try:
            score = await score_of(task, result["answer"], sandbox)
        except UsageError as error:
            logging.getLogger(__name__).warning("the score of task %r is kept as it was: %s", task.id, error)
            continue
        if score != result["score"]:
            scores[name] = {"score": score}
            changed.append(task.id)
    results.amend(scores)
    return changed
