"""Transform: a model's program `transform(grid) -> grid`, run on all inputs of a puzzle in one sandboxed process.

The program is handed inputs alone, each as a fresh numpy array; what its outputs should be is compared outside. So it
can know of a right output only what the model that wrote it was shown, and no test output at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilotage.agent.arc.grids import Grid, digits, grid_from
from pilotage.agent.arc.puzzle import Puzzle
from pilotage.agent.errors import TaskError

if TYPE_CHECKING:
    from pilotage.agent.kit import Kit
    from pilotage.agent.sandbox import Execution

NAME = "transform"
MARK = "pilotage transform "
"""What the line of the results begins with; of several the last one counts, which is ours."""

_HARNESS = """


def _pilotage(inputs, mark):
    import io, json, sys
    import numpy

    def rows(made):
        if isinstance(made, numpy.ndarray):
            if made.ndim != 2:
                raise TypeError(f"{NAME} returned an array of {made.ndim} dimensions, not 2")
            made = made.tolist()
        kinds = (list, tuple, numpy.ndarray)
        if not isinstance(made, kinds) or not all(isinstance(row, kinds) for row in made):
            raise TypeError(f"{NAME} returned {type(made).__name__}, no grid")
        return [[cell(one) for one in row] for row in made]

    def cell(one):
        if isinstance(one, (bool, numpy.bool_)):
            raise TypeError("{NAME} returned cells that are True or False, not colours")
        if isinstance(one, (int, numpy.integer)) or isinstance(one, (float, numpy.floating)) and one == int(one):
            return int(one)
        raise TypeError(f"{NAME} returned a cell that is {type(one).__name__}, no colour")

    found, stdout = [], sys.stdout
    for text in inputs:
        sys.stdout = io.StringIO()
        try:
            grid = numpy.array([[int(cell) for cell in row] for row in text.split()])
            found.append({"output": rows({NAME}(grid))})
        except BaseException as error:
            found.append({"error": f"{type(error).__name__}: {error}"[:300]})
        finally:
            sys.stdout = stdout
    print("\\n" + mark + json.dumps(found))


_pilotage({INPUTS}, {MARK})
"""


@dataclass(frozen=True)
class Transformed:
    """What a program makes of a puzzle.

    Attributes:
        train: for each training input its output, or what went wrong there.
        tests: the same for each test input.
        failed: why the program could not be run at all; None where it could.
    """

    train: tuple[Grid | str, ...] = ()
    tests: tuple[Grid | str, ...] = ()
    failed: str | None = None

    @property
    def outputs(self) -> tuple[Grid, ...] | None:
        """The outputs of all tests; None where one of them is none."""
        grids = tuple(made for made in self.tests if not isinstance(made, str))
        return grids if grids and len(grids) == len(self.tests) else None


async def transformed(kit: Kit, source: str, puzzle: Puzzle) -> Transformed:
    """Runs a program on the inputs of a puzzle.

    Raises:
        SandboxUnavailable: there is none, or it could not start a program.
    """
    inputs = [*(pair.input for pair in puzzle.train), *puzzle.tests]
    execution = await kit.execute(harnessed(source, inputs))
    found = _results(execution, len(inputs))
    if found is None:
        return Transformed(failed=_why(execution))
    return Transformed(found[: len(puzzle.train)], found[len(puzzle.train) :])


def harnessed(source: str, inputs: Sequence[Grid]) -> str:
    """A program, and behind it what calls its `transform`; its own lines keep their numbers."""
    harness = _HARNESS.replace("{NAME}", NAME).replace("{MARK}", repr(MARK))
    return source + harness.replace("{INPUTS}", repr(list(map(digits, inputs))))


def _results(execution: Execution, count: int) -> tuple[Grid | str, ...] | None:
    """What our line says; None where there is none."""
    lines = [line for line in execution.stdout.splitlines() if line.startswith(MARK)]
    try:
        entries = json.loads(lines[-1].removeprefix(MARK)) if lines and execution.ok else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(entries, list) or len(entries) != count or not all(isinstance(one, dict) for one in entries):
        return None
    return tuple(map(_made, entries))


def _made(entry: dict[str, object]) -> Grid | str:
    if "output" not in entry:
        return str(entry.get("error", "nothing was returned"))
    try:
        return grid_from(entry["output"])
    except TaskError as error:
        return f"{NAME} returned no grid of ARC: {error}"


def _why(execution: Execution) -> str:
    error = execution.error or "it ended before its results were there"
    if re.search(rf"NameError: name '{NAME}' is not defined", execution.stderr):
        return f"it defines no function `{NAME}(grid)`"
    return error[:300]
