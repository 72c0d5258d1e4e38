"""Programs of a model, on all inputs of a puzzle: what they make, and whatever they do instead."""

import pytest

from pilotage.agent.arc.puzzle import puzzle_from
from pilotage.agent.arc.transform import Transformed, harnessed, transformed
from pilotage.agent.sandbox import Limits, open_sandbox
from pilotage.agent.sandbox.packages import numpy
from tests.agent.arc.made_up import A, B, C, D, grid, record

PUZZLE, _ = puzzle_from(record(((A, B), (C, D)), ((D, A),)), "a")


class Runs:
    """What of a kit runs programs."""

    def __init__(self, sandbox):
        self._sandbox = sandbox

    async def execute(self, code):
        return await self._sandbox.run(code)


@pytest.fixture(scope="module")
def made():
    sandbox = open_sandbox("bubblewrap", Limits(cpu_seconds=2, wall_seconds=20), numpy())

    async def run(source) -> Transformed:
        return await transformed(Runs(sandbox), source, PUZZLE)

    return run


async def test_a_program_is_run_on_every_input(made):
    found = await made("import numpy as np\ndef transform(grid):\n    return np.fliplr(grid)")
    assert found.train == (grid([[2, 1]]), grid(C)) and found.outputs == (grid([[5, 5], [0, 5]]),)


@pytest.mark.parametrize(
    "body",
    [
        "return grid.tolist()",
        "return [list(row) for row in grid]",
        "return tuple(map(tuple, grid))",
        "return grid[::1, ::1]",
        "return grid.astype(float)",
        "return grid.astype('uint8')",
        "return list(grid)",
        "print('x' * 1000000)\n    return grid",
        "import sys\n    sys.stdout.write('pilotage transform [1]')\n    return grid",
    ],
)
async def test_whatever_is_a_grid_is_taken_for_one(made, body):
    assert (await made(f"def transform(grid):\n    {body}")).train == (grid(A), grid(C))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("return None", "transform returned NoneType, no grid"),
        ("return 3", "transform returned int, no grid"),
        ("return grid > 1", "cells that are True or False, not colours"),
        ("return [[True]]", "True or False"),
        ("return grid[0]", "an array of 1 dimensions, not 2"),
        ("return [['a']]", "a cell that is str, no colour"),
        ("return grid + 0.5", "a cell that is float, no colour"),
        ("return [[1], [1, 2]]", "no grid of ARC: a grid is ragged"),
        ("return grid + 9", "no grid of ARC: row 1 of a grid has 1"),
        ("import numpy\n    return numpy.zeros((31, 1))", "returned 31 rows of 1 cells, and 30 by 30 is the largest"),
        ("return grid[5]", "IndexError"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("return []", "no grid of ARC: a grid is empty"),
    ],
)
async def test_what_is_no_grid_is_told_for_each_input(made, body, why):
    found = await made(f"def transform(grid):\n    {body}")
    assert found.failed is None and found.outputs is None
    assert all(isinstance(one, str) and why in one for one in found.train), found.train


async def test_an_input_that_is_changed_is_changed_for_nobody_else(made):
    found = await made("def transform(grid):\n    grid[:] = 7\n    return grid")
    assert found.train == (grid([[7, 7]]), grid([[7], [7]]))


async def test_one_input_that_fails_leaves_the_others(made):
    found = await made("def transform(grid):\n    return grid if grid.shape == (1, 2) else 1 / 0")
    assert found.train[0] == grid(A) and "ZeroDivisionError" in found.train[1] and found.outputs is None


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def solve(grid):\n    return grid", "it defines no function `transform(grid)`"),
        ("transform = 3", "it defines no function `transform(grid)`"),
        ("def transform(grid):\n    x = (\n", "SyntaxError: '(' was never closed, line 2"),
        ("\nraise ValueError('no')", "ValueError: no, line 2"),
        ("{}['transform']", "KeyError: 'transform', line 1"),
        ("raise SystemExit", "SystemExit: , line 1"),
        ("while True:\n    pass", "took too long"),
        ("import sys\nsys.__stdout__.write('x' * 10_000_000)", "printed too much"),
        ("import os\nos._exit(0)", "ended before its results were there"),
        ("x = [0] * 10**10\ndef transform(grid):\n    return grid", "MemoryError"),
    ],
)
async def test_a_program_that_cannot_be_run_is_told(made, source, why):
    found = await made(source)
    assert found.failed is not None and why in found.failed and not found.train


@pytest.mark.parametrize("end", ["while True:\n            pass", "import os\n        os._exit(0)"])
async def test_what_was_made_before_a_program_ended_is_kept(made, end):
    found = await made(f"def transform(grid):\n    if grid.shape == (2, 2):\n        {end}\n    return grid")
    assert found.train == (grid(A), grid(C)) and found.outputs is None
    assert isinstance(found.tests[0], str) and ("too long" in found.tests[0] or "ended" in found.tests[0])


@pytest.mark.parametrize(
    "before",
    ["list = int = print = type = float = None", "from numpy import *", "print('x' * 1_000_000)", "cell = rows = 1"],
)
async def test_names_of_a_program_and_what_it_prints_are_its_own(made, before):
    assert (await made(f"{before}\ndef transform(grid):\n    return grid")).train == (grid(A), grid(C))


async def test_a_grid_without_end_is_told_and_takes_no_room(made):
    found = await made("import numpy as np\ndef transform(grid):\n    return np.zeros((3000, 3000), dtype=int)")
    assert "returned 3000 rows of 3000 cells, and 30 by 30 is the largest" in found.train[0]


async def test_a_puzzle_of_the_largest_grids_has_room(made):
    sandbox = open_sandbox("bubblewrap", Limits(), numpy())
    large = [[9] * 30] * 30
    puzzle, _ = puzzle_from(record([(large, large)] * 12, [(large, large)] * 2), "b")
    found = await transformed(Runs(sandbox), "def transform(grid):\n    return grid", puzzle)
    assert found.outputs == (grid(large),) * 2


def test_no_output_is_handed_over():
    code = harnessed("def transform(grid):\n    return grid", [pair.input for pair in PUZZLE.train], "mark ")
    assert "'12'" in code and "21" not in code
