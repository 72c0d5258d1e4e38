"""Kinds of value that an evaluation holds, each checked: names on one line, shares, costs, intervals."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNPRINTABLE = ("Cc", "Cs", "Co", "Cn")


def _printable(text: str) -> str:
    """The text on one line, without characters that XML forbids or that would reorder what stands around it."""
    line = " ".join(text.split())
    return "".join("\ufffd" if sign in _BIDI or unicodedata.category(sign) in _UNPRINTABLE else sign for sign in line)


def _ordered(interval: tuple[float, float]) -> tuple[float, float]:
    if interval[0] > interval[1]:
        raise ValueError("its lower end is above its upper end")
    return interval


def _share(value: float) -> float:
    if value > 1:
        raise ValueError(f"it is {value:g}, not between 0 and 1")
    return _cost(value)


def _cost(value: float) -> float:
    if value < 0:
        raise ValueError(f"it is {value:g}, below 0")
    return value


# Of a policy of which nothing is known, figures are NaN; a file has null there, and a reader leaves the policy out.
Text = Annotated[str, AfterValidator(_printable)]
Name = Annotated[str, AfterValidator(_printable), Field(min_length=1)]
Share = Annotated[float, AfterValidator(_share)]
Cost = Annotated[float, AfterValidator(_cost)]
Count = Annotated[int, Field(ge=0)]
Interval = Annotated[tuple[float, float], AfterValidator(_ordered)]


class Part(BaseModel):
    """Base of all parts; what a later version adds is left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


DIGITS = 6
"""Decimals of a number in a file."""


def plain(value: Any) -> Any:
    """Plain data: lists, dictionaries, text, numbers with six decimals, and None for what is no finite number."""
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float):
        return round(value, DIGITS) + 0.0 if math.isfinite(value) else None
    return value
