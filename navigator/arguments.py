"""Numbers that a caller gives: refused in one sentence where they are none, or out of bounds."""

from __future__ import annotations

import numpy as np

from pilotage.common.seeds import checked_seed
from pilotage.navigator.errors import EnvError, NavigatorError, PolicyError

LARGEST = 2**31 - 1
"""What every library below takes as a count."""

MOST_RESAMPLES = 100_000
"""Of a bootstrap: intervals do not change any more, and all draws are held at once."""

LEAST_WEIGHT = 1e-5
"""Cost weight at which values for the weight 0 are fitted: too small to outweigh an answer, enough that of equals
the cheaper is taken."""

LARGEST_WEIGHT = 1e9
"""Bound on cost weights, of policy files too: far beyond any use, and values under it fit a float32."""


def require_whole(
    name: str, given: object, least: int, most: int = LARGEST, error: type[NavigatorError] = PolicyError
) -> None:
    """Raises `error` where `given` is no whole number from `least` to `most`; True and 3.0 are none."""
    whole = isinstance(given, int | np.integer) and not isinstance(given, bool)
    if not whole or not least <= given <= most:  # type: ignore[operator]  # looked at just before
        bounds = f"from {least:,} on" if most == LARGEST else f"from {least:,} to {most:,}"
        raise error(f"{name} is a whole number {bounds}, not {given!r}")


def require_seed(given: object, error: type[NavigatorError] = PolicyError, what: str = "a seed") -> int:
    """The seed as a plain number; raises `error` where it is none."""
    try:
        return checked_seed(given, what)
    except ValueError as problem:
        raise error(str(problem)) from None


def require_weight(given: float, error: type[NavigatorError] = EnvError) -> float:
    """The cost weight, what a thousand tokens are worth in right answers; raises `error` where it is none."""
    number = isinstance(given, int | float | np.number) and not isinstance(given, bool)
    if not number or not 0 <= given < LARGEST_WEIGHT:
        raise error(f"the cost weight must be 0 or more and below {LARGEST_WEIGHT:g}, not {given!r}")
    return given
