"""Attempts: what a solver answers a puzzle with, two grids at most for each of its tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from pilotage.agent.arc.grids import Grid

MOST = 2
"""Attempts at each test; the official score looks at no further one."""

Attempts = tuple[tuple[Grid, ...], ...]
"""For each test of a puzzle, in order, the grids that are tried, the likeliest first; one without rows is no guess."""

Answers = Mapping[str, Attempts]
"""The attempts at each puzzle by its id; a puzzle that was not worked on is missing."""


def ranked(candidates: Iterable[tuple[Grid, ...]], tests: int) -> Attempts:
    """The attempts that candidates come to.

    Args:
        candidates: outputs for all tests at once, the likeliest first.
        tests: how many there are.

    Returns:
        For each test the first two different grids; a third one is never tried.
    """
    outputs = list(candidates)
    return tuple(first_different(one[number] for one in outputs) for number in range(tests))


def first_different(grids: Iterable[Grid]) -> tuple[Grid, ...]:
    """The attempts at one test: the first different ones of the grids that it may become, the likeliest first."""
    return tuple(islice(dict.fromkeys(grids), MOST))
