"""Whole numbers that a caller gives: refused in one sentence where they are none, or out of bounds."""

from __future__ import annotations

import numpy as np

from pilotage.navigator.errors import NavigatorError, PolicyError

LARGEST = 2**31 - 1
"""What every library below takes as a seed or a count."""


def require_whole(
    name: str, given: object, least: int, most: int = LARGEST, error: type[NavigatorError] = PolicyError
) -> None:
    """Raises `error` where `given` is no whole number from `least` to `most`; True and 3.0 are none."""
    whole = isinstance(given, int | np.integer) and not isinstance(given, bool)
    if not whole or not least <= given <= most:  # type: ignore[operator]  # looked at just before
        bounds = f"from {least:,} on" if most == LARGEST else f"from {least:,} to {most:,}"
        raise error(f"{name} is a whole number {bounds}, not {given!r}")
