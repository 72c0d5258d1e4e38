"""Batch: many tasks, some at once, each result on disk before the next is begun in its place."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from agent.errors import BadReply, PilotageError, UsageError
from agent.run import Run
from agent.task import Task

if TYPE_CHECKING:
    from agent.runner import ReasoningAgent


class ResultsFile:
    """A JSON-Lines file of runs that survives kill -9: a line is on disk once `append` returns.

    Args:
        path: the file; created with its folder.
        resume: keep what is there and go on. Without it, a file that holds anything is refused.
        settings: what every line must agree on (`model`, `policy`, `seed`), so that two experiments never mix.

    Raises:
        UsageError: the file cannot be written, holds results already, or holds those of other settings.
    """

    def __init__(self, path: Path, *, resume: bool, settings: dict[str, Any]) -> None:
        self.path = path
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
        except OSError as error:
            raise UsageError(f"cannot write results to {path}: {error.strerror}; choose another --out") from error

    def _read(self, content: bytes, settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
        done = {}
        for number, line in enumerate(content.splitlines(), 1):
            try:
                result = json.loads(line)
                done[result["task_id"]] = result
            except (ValueError, TypeError, KeyError) as error:
                raise UsageError(
                    f"{self.path}, line {number} is no result of pilotage; choose another --out"
                ) from error
            for key, value in settings.items():
                if result.get(key) != value:
                    raise UsageError(
                        f"{self.path} was made with {key} {result.get(key)!r}, not {value!r}; resume with the same "
                        "settings or choose another --out"
                    )
        return done

    def append(self, result: dict[str, Any]) -> None:
        """Writes one result durably; raises PilotageError, the file left whole, where the disk will not take it."""
        end = self.path.stat().st_size
        line = json.dumps(result, ensure_ascii=False).encode() + b"\n"
        try:
            while line:  # a disk that is nearly full takes a part
                line = line[self._file.write(line) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            os.truncate(self.path, end)
            raise PilotageError(
                f"cannot write to {self.path}: {error.strerror}; free some space, then run again with --resume"
            ) from error
        self.done[result["task_id"]] = result

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass
class Outcome:
    """What came of a batch: its runs, and the tasks that no usable reply was had for."""

    runs: list[Run] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


async def solve_all(
    agent: ReasoningAgent,
    tasks: Iterable[Task],
    *,
    concurrency: int = 1,
    results: ResultsFile | None = None,
    on_done: Callable[[Run], None] = lambda run: None,
) -> Outcome:
    """Solves tasks, `concurrency` at a time, leaving out those that `results` holds already.

    A task whose reply was unusable is set aside and the others go on; an endpoint that is down ends the batch, since
    every other task would meet it too.

    Raises:
        PilotageError: the model is unavailable or a result could not be written; results so far are kept.
    """
    outcome = Outcome()
    waiting: Iterator[Task] = (task for task in tasks if results is None or task.id not in results.done)

    async def worker() -> None:
        for task in waiting:
            try:
                run = await agent.asolve(task)
            except (BadReply, UsageError) as error:
                outcome.failed.append((task.id, str(error)))
                continue
            if results is not None:
                results.append(run.to_json())
            outcome.runs.append(run)
            on_done(run)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(max(1, concurrency)):
                group.create_task(worker())
    except* PilotageError as errors:
        raise errors.exceptions[0] from None
    return outcome
