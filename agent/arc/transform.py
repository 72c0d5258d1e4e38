"""Transform: a model's program `transform(grid) -> grid`, run on all inputs of a puzzle in one sandboxed process.

The program is handed inputs alone, each as a fresh numpy array; what its outputs should be is compared outside. So
where it is isolated it can know of a right output only what the model that wrote it was shown. It may lie about what it
made, as any program that hard-codes what it was shown: that it has all training pairs right is evidence, and no proof.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilotage.agent.arc.grids import LARGEST, Grid, digits, grid_from
from pilotage.agent.arc.puzzle import Puzzle
from pilotage.agent.errors import TaskError

if TYPE_CHECKING:
    from pilotage.agent.kit import Kit
    from pilotage.agent.sandbox import Execution

NAME = "transform"
SHOWN = 300
"""Characters of an error."""

_HARNESS = """
def run(source, inputs, mark):
    import io, json, sys
    import numpy

    stdout, told = sys.stdout, sys.stdout.write
    dumps, array, ndarray = json.dumps, numpy.array, numpy.ndarray
    truths, whole, decimal = (bool, numpy.bool_), (int, numpy.integer), (float, numpy.floating)

    def say(**result):
        told(mark + dumps(result) + chr(10))
        stdout.flush()

    def rows(made):
        if isinstance(made, ndarray):
            if made.ndim != 2:
                raise TypeError(f"NAME returned an array of {made.ndim} dimensions, not 2")
            made = made.tolist() if made.size <= LARGEST ** 2 else made
        kinds = (list, tuple, ndarray)
        if not isinstance(made, kinds) or not all(isinstance(row, kinds) for row in made):
            raise TypeError(f"NAME returned {type(made).__name__}, no grid")
        if len(made) > LARGEST or any(len(row) > LARGEST for row in made):
            wide = max(len(row) for row in made)
            raise ValueError(f"NAME returned {len(made)} rows of {wide} cells, and LARGEST by LARGEST is the largest")
        return [[cell(one) for one in row] for row in made]

    def cell(one):
        if isinstance(one, truths):
            raise TypeError("NAME returned cells that are True or False, not colours")
        if isinstance(one, whole) or isinstance(one, decimal) and one == int(one):
            return int(one)
        raise TypeError(f"NAME returned a cell that is {type(one).__name__}, no colour")

    def why(error):
        line = ""
        if isinstance(error, SyntaxError):
            return f"{type(error).__name__}: {error.msg}, line {error.lineno}"
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == "program.py":
                line = f", line {trace.tb_lineno}"
            trace = trace.tb_next
        return f"{type(error).__name__}: {error}"[:SHOWN] + line

    own = {"__name__": "program", "__builtins__": __builtins__}
    sys.stdout = io.StringIO()
    try:
        exec(compile(source, "program.py", "exec", dont_inherit=True), own)
    except BaseException as error:
        return say(failed=why(error))
    if not callable(own.get("NAME")):
        return say(failed="it defines no function `NAME(grid)`")
    for text in inputs:
        sys.stdout = io.StringIO()
        try:
            made = rows(own["NAME"](array([[int(one) for one in row] for row in text.split()])))
        except BaseException as error:
            say(error=why(error))
        else:
            say(output=made)
    sys.stdout = stdout


run(SOURCE, INPUTS, MARK)
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
    mark = f"{secrets.token_hex(8)} "  # which no program can have been written with
    execution = await kit.execute(harnessed(source, inputs, mark))
    found = [line.removeprefix(mark) for line in execution.stdout.splitlines() if line.startswith(mark)]
    results = [_read(line) for line in found[: len(inputs)]]
    if results and isinstance(why := results[0].get("failed"), str):
        return Transformed(failed=why[: 2 * SHOWN])
    if not results:
        return Transformed(failed=(execution.error or "it ended before its results were there")[:SHOWN])
    made = [_made(result) for result in results]
    made += [_unfinished(execution)] * (len(inputs) - len(made))
    return Transformed(tuple(made[: len(puzzle.train)]), tuple(made[len(puzzle.train) :]))


def harnessed(source: str, inputs: Sequence[Grid], mark: str) -> str:
    """What calls a program's `transform` on each input, in a namespace of its own, and says what came of it at once."""
    code = _HARNESS.replace("NAME", NAME).replace("LARGEST", str(LARGEST)).replace("SHOWN", str(SHOWN))
    code = code.replace("MARK", repr(mark)).replace("INPUTS", repr(list(map(digits, inputs))))
    return code.replace("SOURCE", repr(source))


def _read(line: str) -> dict[str, object]:
    try:
        result = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return result if isinstance(result, dict) else {}


def _made(result: dict[str, object]) -> Grid | str:
    if "output" not in result:
        return str(result.get("error", "nothing was returned"))[: 2 * SHOWN]
    try:
        return grid_from(result["output"])
    except TaskError as error:
        return f"{NAME} returned no grid of ARC: {error}"


def _unfinished(execution: Execution) -> str:
    return (execution.error or "the program ended before this input")[:SHOWN]
