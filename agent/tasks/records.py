"""Records: the rows of a file of tasks, as JSON Lines, CSV or Parquet, each with where it stands in the file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pilotage.agent.errors import MissingExtra, TaskError, UsageError
from pilotage.agent.task import Task
from pilotage.agent.tasks.grading import require_gold, require_grader
from pilotage.agent.tasks.source import Spec, TaskDefect
from pilotage.common.faults import first_fault
from pilotage.common.json_text import NotJson, read_json
from pilotage.common.paths import expanded

# From a record and the name to give it if it brings none; raises TaskError or ValidationError.
Build = Callable[[dict[str, Any], str], Task]

Row = Mapping[str, Any] | bytes | TaskError
"""A record; a line of JSON that is still to be read; or what is wrong with it."""

CELL = 10_000_000
"""Characters of a cell of a CSV file at most."""
BATCH = 1024
"""Rows of a Parquet file that are read at once, and lost at once where a page of them is broken."""


def read_records(spec: Spec, build: Build, header: tuple[str, ...] = ()) -> Iterator[Task | TaskDefect]:
    """The tasks of a file. `size`, `seed` and `offset` choose among its records, good or bad.

    Args:
        spec: names the file; `.csv`, `.tsv` and `.parquet` are read as such, all others as JSON Lines.
        build: makes a task of a record.
        header: names of the columns of a CSV file whose first row has none of them.

    Raises:
        UsageError: the file can't be read.
        MissingExtra: it is Parquet, and pyarrow is not installed.
    """
    path = expanded(spec.target)
    try:
        path.open("rb").close()
        rows = _rows(path, header)
    except OSError as error:
        raise UsageError(f"the task file {spec.target} can't be read: {error.strerror or error}") from None
    return _tasks_in(path, rows, spec, build)


def _rows(path: Path, header: tuple[str, ...]) -> Iterator[tuple[int, Row]]:
    """Numbered records: by lines of a text, from 1, or by rows of a table."""
    match path.suffix.lower():
        case ".csv" | ".tsv":
            return _csv_rows(path, "\t" if path.suffix.lower() == ".tsv" else ",", header)
        case ".parquet":
            return _parquet_rows(path)
        case _:
            return _lines(path)


def _lines(path: Path) -> Iterator[tuple[int, Row]]:
    with path.open("rb") as file:
        yield from ((number, line) for number, line in enumerate(file, start=1) if line.strip())


def _csv_rows(path: Path, delimiter: str, header: tuple[str, ...]) -> Iterator[tuple[int, Row]]:
    csv.field_size_limit(CELL)
    with path.open("rb") as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        names: tuple[str, ...] = ()
        while True:
            first = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, UnicodeDecodeError) as error:
                yield first, TaskError(f"malformed CSV: {error}")
                return  # where the next row begins is not known
            if not any(cells):
                continue
            if not names:
                named = not header or "question" in {cell.strip().casefold() for cell in cells}
                names = tuple(cells) if named else header
                if names is not header:
                    continue
            if len(cells) != len(names):
                yield first, TaskError(f"the row has {len(cells)} cells, and the table {len(names)} columns")
            else:
                yield (
                    first,
                    {name.strip(): cell if cell.strip() else None for name, cell in zip(names, cells, strict=True)},
                )


def _parquet_rows(path: Path) -> Iterator[tuple[int, Row]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise MissingExtra(f"{path} is Parquet, which needs pyarrow: run `pip install 'pilotage[bench]'`") from None
    # What a file's bytes can make pyarrow raise, at its footer and at any page of it; ArrowInvalid is a ValueError.
    broken = (pyarrow.ArrowException, OSError, ValueError, OverflowError)
    try:
        table = parquet.ParquetFile(path)
    except broken as error:
        raise UsageError(f"the task file {path} is no Parquet that can be read: {error}") from None

    def rows() -> Iterator[tuple[int, Row]]:
        number, batches = 0, table.iter_batches(BATCH)
        while True:
            try:
                batch = next(batches, None)
                read = None if batch is None else batch.to_pylist()
            except broken as error:
                yield number + 1, TaskError(f"malformed Parquet: {error}")
                return  # what comes after is not known to be whole
            if read is None:
                return
            for row in read:
                number += 1
                yield number, row

    return rows()


def _tasks_in(path: Path, rows: Iterator[tuple[int, Row]], spec: Spec, build: Build) -> Iterator[Task | TaskDefect]:
    first_lines: dict[str, int] = {}
    for number, row in spec.chosen(rows):
        try:
            task = build(_record(row), f"{path.stem}-{number}")
            require_gold(task)
            require_grader(task)
            if task.id in first_lines:
                raise TaskError(f"the id {task.id!r} was used already in line {first_lines[task.id]}")
        except TaskError as error:
            yield TaskDefect(str(path), number, str(error))
        except ValidationError as error:
            fault = first_fault(error)
            yield TaskDefect(str(path), number, f"{fault.place or 'the task'}: {fault.reason}")
        else:
            first_lines[task.id] = number
            yield task


def _record(row: Row) -> dict[str, Any]:
    if isinstance(row, TaskError):
        raise row
    if not isinstance(row, bytes):
        return dict(row)
    try:
        parsed = read_json(row)
    except NotJson as error:
        raise TaskError(f"malformed JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise TaskError(f"a task is a JSON object, not a {type(parsed).__name__}")
    return parsed
