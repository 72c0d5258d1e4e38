"""Faults: what is wrong with data or files that were given, in words for a sentence to people."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pydantic import ValidationError


class Fault(NamedTuple):
    """One thing that is wrong: where, as `field.part` or empty for the whole, and what."""

    place: str
    reason: str


def first_fault(error: ValidationError) -> Fault:
    """The first thing that is wrong."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    # What a check of ours says is a sentence already; pydantic puts its kind before it.
    return Fault(".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, "))


def reason_of(error: Exception) -> str:
    """What went wrong; of an error of the system without its number and the path, which the sentence has already."""
    return getattr(error, "strerror", None) or str(error)
