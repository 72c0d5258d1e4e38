"""A puzzle as a task of the agent, and back: what the blocks work on is read off the task itself."""

from __future__ import annotations

import json
from functools import lru_cache

from pilotage.agent.answers import parse_attempts
from pilotage.agent.arc.attempts import Attempts
from pilotage.agent.arc.encodings import ENCODINGS, read_grid
from pilotage.agent.arc.facts import common
from pilotage.agent.arc.grids import Grid, grid_from
from pilotage.agent.arc.puzzle import Outputs, Pair, Puzzle
from pilotage.agent.errors import TaskError, UsageError
from pilotage.agent.task import Example, Task
from pilotage.agent.tasks.source import did_you_mean

ASKED = "One rule makes each example output of its example input. Find it; then apply it to the test input."
ASKED_SEVERAL = "One rule makes each example output of its example input. Find it; then apply it to each test input."
DEFAULT = "spaced"


def task_of(puzzle: Puzzle, outputs: Outputs | None = None, encoding: str = DEFAULT) -> Task:
    """The task of a puzzle.

    Args:
        puzzle: what it shows.
        outputs: what is right, for the grader; None where nobody knows.
        encoding: one of `ENCODINGS`.

    Raises:
        UsageError: there is no such encoding.
    """
    if encoding not in ENCODINGS:
        known = ", ".join(ENCODINGS)
        raise UsageError(f"there is no encoding {encoding!r:.40}{did_you_mean(encoding, ENCODINGS)}: use {known}")
    notation = ENCODINGS[encoding]
    asked = ASKED if len(puzzle.tests) == 1 else ASKED_SEVERAL
    return Task(
        id=puzzle.id,
        prompt=f"{asked} {notation.about}",
        topic=common(puzzle),
        content=puzzle.content,
        kind="grid",
        examples=tuple(
            Example(input=notation.write(pair.input), output=notation.write(pair.output)) for pair in puzzle.train
        ),
        inputs=tuple(map(notation.write, puzzle.tests)),
        gold=None if outputs is None else [[list(row) for row in grid] for grid in outputs],
    )


def puzzle_of(task: Task) -> Puzzle:
    """The puzzle that a task was made of; raises TaskError where it was made of none."""
    return _puzzle(task.id, task.examples, task.inputs)


@lru_cache(maxsize=64)
def _puzzle(id: str, examples: tuple[Example, ...], inputs: tuple[str, ...]) -> Puzzle:
    pairs = tuple(Pair(_grid(one.input), _grid(one.output)) for one in examples)
    if not pairs or not inputs:
        raise TaskError(f"task {id} is no puzzle: it has no pairs of grids, or no test inputs")
    return Puzzle(id, pairs, tuple(map(_grid, inputs)))


def _grid(text: str) -> Grid:
    grid = read_grid(text)
    if grid is None:
        raise TaskError(f"{text!r:.80} is no grid")
    return grid


def encoding_of(task: Task) -> str:
    """The notation that a task is written in."""
    return next(name for name, one in ENCODINGS.items() if task.prompt.endswith(one.about))


def written(grids: tuple[Grid, ...]) -> str:
    """Outputs for all tests as an answer's text."""
    return json.dumps([[list(row) for row in grid] for grid in grids])


def outputs_in(answer: str) -> tuple[Grid, ...]:
    """The first attempts of an answer, one for each test; raises TaskError where one is missing."""
    attempts = parse_attempts(answer)
    if not attempts or not all(attempts):
        raise TaskError(f"{answer!r:.80} has no grid for each test")
    return tuple(grid_from(tried[0]) for tried in attempts)


def attempts_text(attempts: Attempts) -> str:
    """Attempts as an answer's text, an entry for each test as Kaggle has it; null where there is no guess."""
    entries = [
        {f"attempt_{number}": [list(row) for row in grid] for number, grid in enumerate(tried, 1)} or None
        for tried in attempts
    ]
    return json.dumps(entries)
