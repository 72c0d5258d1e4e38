"""Reads files of one JSON object a line into tasks; a bad line is named and left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from pydantic import ValidationError

from pilotage.agent.errors import TaskError, UsageError
from pilotage.agent.task import Task
from pilotage.agent.tasks.source import TaskDefect
from pilotage.agent.tasks.spec import Spec
from pilotage.common.json_text import NotJson, read_json
from pilotage.common.paths import expanded

# From an object and the name to give it if it brings none; raises TaskError or ValidationError.
Build = Callable[[dict[str, Any], str], Task]


def read_json_lines(spec: Spec, build: Build) -> Iterator[Task | TaskDefect]:
    """The tasks of a file. `size`, `seed` and `offset` choose among its non-empty lines, good or bad.

    Raises:
        UsageError: the file can't be read.
    """
    path = expanded(spec.target)
    try:
        path.open("rb").close()
    except OSError as error:
        raise UsageError(f"the task file {spec.target} can't be read: {error.strerror}") from None
    return _read(path, spec, build)


def _read(path: Path, spec: Spec, build: Build) -> Iterator[Task | TaskDefect]:
    first_lines: dict[str, int] = {}
    for number, line in _chosen(path, spec):
        try:
            task = build(_object(line), f"{path.stem}-{number}")
            if task.id in first_lines:
                raise TaskError(f"the id {task.id!r} was used already in line {first_lines[task.id]}")
        except TaskError as error:
            yield TaskDefect(str(path), number, str(error))
        except ValidationError as error:
            yield TaskDefect(str(path), number, _sentence(error))
        else:
            first_lines[task.id] = number
            yield task


def _chosen(path: Path, spec: Spec) -> Iterator[tuple[int, bytes]]:
    """Numbered lines; only a random order needs them all in memory."""
    with path.open("rb") as file:
        lines = ((number, line) for number, line in enumerate(file, start=1) if line.strip())
        if spec.seed is not None:
            everything = list(lines)
            Random(spec.seed).shuffle(everything)
            lines = (line for line in everything)
        stop = None if spec.size is None else spec.offset + spec.size
        yield from islice(lines, spec.offset, stop)


def _object(line: bytes) -> dict[str, Any]:
    try:
        parsed = read_json(line)
    except NotJson as error:
        raise TaskError(f"malformed JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise TaskError(f"a task is a JSON object, not a {type(parsed).__name__}")
    return parsed


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "the task"
    return f"{field}: {first['msg'].removeprefix('Value error, ')}"
