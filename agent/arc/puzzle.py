"""Puzzle: pairs of grids that show a transformation, and grids to transform, without what they become."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pilotage.agent.arc.grids import Grid, fingerprint, grid_from, short_hash
from pilotage.agent.errors import TaskError


@dataclass(frozen=True)
class Pair:
    """A grid, and what the puzzle's transformation makes of it."""

    input: Grid
    output: Grid


@dataclass(frozen=True)
class Puzzle:
    """What a solver may see.

    Attributes:
        id: by which its split knows it.
        train: the pairs that show the transformation.
        tests: the grids to transform.
    """

    id: str
    train: tuple[Pair, ...]
    tests: tuple[Grid, ...]

    @cached_property
    def content(self) -> str:
        """A hash of what it shows, whatever its id and in whatever order its pairs and tests stand."""
        shown = sorted(fingerprint(pair.input, pair.output) for pair in self.train)
        asked = sorted(fingerprint(test) for test in self.tests)
        return short_hash([*shown, "?", *asked])

    @cached_property
    def exact(self) -> str:
        """A hash of what it shows, in this order: attempts at its tests are told apart by their places."""
        shown = [fingerprint(pair.input, pair.output) for pair in self.train]
        return short_hash([*shown, "?", *map(fingerprint, self.tests)])


Outputs = tuple[Grid, ...]
"""What each test of a puzzle becomes, in order: for whoever grades, and for nobody else."""


def puzzle_from(record: Any, id: str) -> tuple[Puzzle, Outputs | None]:
    """A puzzle in ARC's own form, `{"train": [{"input", "output"}], "test": [{"input", "output"?}]}`, and its outputs.

    Args:
        record: from JSON.
        id: of the puzzle.

    Returns:
        The puzzle; and the outputs of its tests, None where not all of them are there.

    Raises:
        TaskError: it has another form, or a grid is none.
    """
    if not isinstance(record, dict):
        raise TaskError('a puzzle is an object with "train" and "test"')
    train = _entries(record, "train")
    tests = _entries(record, "test")
    pairs = tuple(
        Pair(_grid(entry, "input", f"training pair {number}"), _grid(entry, "output", f"training pair {number}"))
        for number, entry in enumerate(train, 1)
    )
    inputs = tuple(_grid(entry, "input", f"test {number}") for number, entry in enumerate(tests, 1))
    outputs = [
        _grid(entry, "output", f"test {number}")
        for number, entry in enumerate(tests, 1)
        if entry.get("output") is not None
    ]
    if outputs and len(outputs) < len(tests):
        raise TaskError(f"only {len(outputs)} of its {len(tests)} tests have an output: give all of them, or none")
    return Puzzle(id, pairs, inputs), tuple(outputs) or None


def _entries(record: dict[str, Any], name: str) -> list[dict[str, Any]]:
    entries = record.get(name)
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise TaskError(f'its "{name}" is no list of objects with "input" and "output"')
    return entries


def _grid(entry: dict[str, Any], name: str, where: str) -> Grid:
    if name not in entry:
        raise TaskError(f"{where} has no {name}")
    try:
        return grid_from(entry[name])
    except TaskError as error:
        raise TaskError(f"the {name} of {where}: {error}") from error
