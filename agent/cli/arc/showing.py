"""A puzzle as `pilotage arc show --json` tells it: its grids, the attempts at its tests, and what a run did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pilotage.agent.arc.grids import differing

if TYPE_CHECKING:
    from pilotage.agent.arc.attempts import Attempts
    from pilotage.agent.arc.grids import Grid
    from pilotage.agent.arc.puzzle import Outputs, Puzzle
    from pilotage.agent.arc.runs import Result


def puzzle_told(puzzle: Puzzle, outputs: Outputs | None, attempts: Attempts | None) -> dict[str, Any]:
    """The pairs, and each test with its attempts.

    Args:
        puzzle: what it shows.
        outputs: what its tests become, where that is to be seen; None where not, and then no attempt is judged.
        attempts: at its tests; None where nobody asked for any.
    """
    return {
        "id": puzzle.id,
        "content": puzzle.content,
        "train": [{"input": pair.input, "output": pair.output} for pair in puzzle.train],
        "tests": [
            {
                "input": test,
                "output": None if outputs is None else outputs[number],
                "attempts": [
                    _attempt(grid, None if outputs is None else outputs[number])
                    for grid in (attempts[number] if attempts is not None and number < len(attempts) else ())
                ],
            }
            for number, test in enumerate(puzzle.tests)
        ],
    }


def _attempt(grid: Grid, right: Grid | None) -> dict[str, Any]:
    """An attempt with the number of its wrong cells: null where it has another size, is no guess, or is not judged."""
    wrong = None if right is None or not grid else differing(grid, right)
    return {
        "grid": grid or None,
        "right": None if right is None else grid == right,
        "wrong_cells": None if wrong is None else len(wrong),
    }


def passes_told(lines: Sequence[Result]) -> list[dict[str, Any]]:
    """What each pass of a run did: its route, and its programs with the share of training pairs that each has right."""
    return [
        {
            "route": line.route,
            "verified": line.verified,
            "model": line.model,
            "tokens": line.usage.total_tokens,
            "error": line.error,
            "programs": [
                {
                    "block": step.block,
                    "program": step.program,
                    "examples_passed": step.evidence.examples_passed,
                    "error": step.evidence.error,
                }
                for step in line.steps
                if step.program is not None
            ],
        }
        for line in lines
    ]
