"""Seeds: what all generators of the project are begun from, wherever one is given."""

from __future__ import annotations

from numbers import Integral

LARGEST = 2**31 - 1
"""What every library that draws takes."""


def checked_seed(given: object, what: str = "a seed") -> int:
    """The seed as a plain number; raises ValueError, in one sentence, for what is none. True and 3.0 are none."""
    whole = isinstance(given, Integral) and not isinstance(given, bool)
    seed = int(given) if whole else -1  # type: ignore[call-overload]  # looked at just before
    if not 0 <= seed <= LARGEST:
        raise ValueError(f"{what} is a whole number from 0 to {LARGEST:,}, not {given!r:.80}")
    return seed
