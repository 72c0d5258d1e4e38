"""Power: the smallest difference that so many tasks show, and the tasks that a difference takes.

By the normal approximation for paired scores (Connor 1987): its variance is that of the differences, whose mean square
is the share of discordant tasks where each task is won or lost. What is assumed of the difference is assumed at the
discordance that was observed.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from pilotage.navigator.bank.arrays import Float64s
from pilotage.navigator.evaluation.comparison_parts import Power

LEVEL = 0.05
"""Of all comparisons of an evaluation together."""

POWER = 0.8
AIM = 0.06
"""The difference whose tasks are counted: 6 points."""


def power_of(gain: Float64s, hypotheses: int) -> Power:
    """What the tasks of a comparison can show.

    Args:
        gain: differences of two scores on the same tasks, shape (n,), all known.
        hypotheses: how many comparisons the p-value is adjusted for; the level is the first one of Holm's steps, which
            the least p-value has to pass.
    """
    level = LEVEL / hypotheses
    discordance = float((gain**2).mean())
    smallest = smallest_difference(len(gain), discordance, level)
    if smallest is not None and smallest > np.abs(gain).mean():  # even if all that differ went to one side
        smallest = None
    return Power(
        level=level,
        power=POWER,
        discordance=discordance,
        smallest=smallest,
        tasks_for_6_points=tasks_needed(AIM, discordance, level),
    )


def smallest_difference(tasks: int, discordance: float, level: float, power: float = POWER) -> float | None:
    """The least mean difference that a two-sided test of this level finds with this power; None where none is found.

    Args:
        tasks: how many.
        discordance: mean square of the differences, 0 to 1.
        level: of the test.
        power: chance to find it.
    """
    sure, likely = _quantiles(level, power)
    if tasks < sure**2:
        return None
    root = likely * math.sqrt(tasks - sure**2 + likely**2)
    return math.sqrt(discordance) * (sure * math.sqrt(tasks) + root) / (tasks + likely**2) or None


def tasks_needed(difference: float, discordance: float, level: float, power: float = POWER) -> int:
    """How many tasks find a mean difference; where fewer tasks differ than it takes, as many as it takes do."""
    sure, likely = _quantiles(level, power)
    spread = max(discordance, difference)
    root = sure * math.sqrt(spread) + likely * math.sqrt(spread - difference**2)
    return math.ceil(root**2 / difference**2)


def _quantiles(level: float, power: float) -> tuple[float, float]:
    normal = NormalDist()
    return normal.inv_cdf(1 - level / 2), normal.inv_cdf(power)
