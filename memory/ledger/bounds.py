"""Bounds: numbers that a caller may choose freely, and lists of any length, as far as a database takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from pilotage.memory.errors import InvalidConcept

MOST_ROWS = 2**62  # more than there are, and less than SQL's largest number
_PARAMETERS = 500  # of one statement; PostgreSQL takes 65,535, and some builds of SQLite half of that
_T = TypeVar("_T")


def rows(number: int) -> int:
    """How many rows to take or to pass over: the number, or the most that a database can count to."""
    return int(min(number, MOST_ROWS))


def amount(name: str, number: int) -> int:
    """`rows` for how many a caller wants. Raises InvalidConcept for fewer than none."""
    if number < 0:
        raise InvalidConcept(f"{name} is {number}: give a whole number from 0 on, or leave it out")
    return rows(number)


def parts(things: Iterable[_T]) -> Iterator[list[_T]]:
    """The things in order, in lists that one statement can ask for."""
    left = iter(things)
    while part := list(islice(left, _PARAMETERS)):
        yield part
