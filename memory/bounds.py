"""Bounds: numbers that a caller may choose freely, as far as a database can count."""

from __future__ import annotations

MOST_ROWS = 2**62  # more than there are, and less than SQL's largest number


def rows(number: int) -> int:
    """How many rows to take or to pass over: the number, or the most that a database can count to."""
    return min(number, MOST_ROWS)
