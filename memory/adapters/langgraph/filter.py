"""Filters and path conditions of a LangGraph store: `$eq $ne $gt $gte $lt $lte`, matching by segment.

Numbers are compared exactly, never by way of float: 2**53 and 2**53 + 1 are two numbers. A key with dots is a field of
that name or, where there is none, a way into the value.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from pilotage.memory.errors import InvalidItem

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
_OPERATORS = {"$eq", "$ne", *_ORDER}
_MAX_DEPTH = 100


def check_filter(condition: Any, depth: int = 0) -> None:
    """Raise InvalidItem for an operator that there is not, also where no item would have met it."""
    if depth > _MAX_DEPTH:
        raise InvalidItem(f"the filter is nested more than {_MAX_DEPTH} deep: ask for less at once")
    if isinstance(condition, Mapping):
        for key, part in condition.items():
            if not isinstance(key, str):
                raise InvalidItem(f"the filter has the key {key!r}, which is not text: fields have names")
            if key.startswith("$") and key not in _OPERATORS:
                raise InvalidItem(f"unknown filter operator '{key}': use one of {', '.join(sorted(_OPERATORS))}")
            check_filter(part, depth + 1)
    elif isinstance(condition, list | tuple):
        for part in condition:
            check_filter(part, depth + 1)


def passes(value: Mapping[str, Any], conditions: Mapping[str, Any]) -> bool:
    """Whether a value meets every condition of a filter."""
    return all(_matches(_field(value, key), condition) for key, condition in conditions.items())


def _field(value: Mapping[str, Any], key: str) -> Any:
    """The field of this name, or at the end of this dotted way; None where there is none."""
    if key in value or "." not in key:
        return value.get(key)
    field: Any = value
    for name in key.split("."):
        field = field.get(name) if isinstance(field, Mapping) else None
    return field


def _matches(value: Any, condition: Any) -> bool:
    if isinstance(condition, Mapping):
        if any(key.startswith("$") for key in condition):
            return all(_compares(value, name, other) for name, other in condition.items())
        return isinstance(value, Mapping) and all(_matches(_field(value, key), part) for key, part in condition.items())
    if isinstance(condition, list | tuple):
        return isinstance(value, list | tuple) and len(value) == len(condition) and all(map(_matches, value, condition))
    return bool(value == condition)


def _compares(value: Any, name: str, other: Any) -> bool:
    """One comparison. What has no order (a missing field, a list) meets no `$gt`, `$gte`, `$lt` or `$lte`."""
    if name == "$eq":
        return bool(value == other)
    if name == "$ne":
        return bool(value != other)
    compare = _ORDER.get(name)
    if compare is None:  # a plain field beside an operator
        return isinstance(value, Mapping) and _matches(_field(value, name), other)
    mine, theirs = _number(value), _number(other)
    if mine is not None and theirs is not None:
        return compare(mine, theirs)
    # Dates and other text that is no number: by the alphabet.
    return isinstance(value, str) and isinstance(other, str) and compare(value, other)


def _number(value: Any) -> int | Decimal | None:
    """The number that a value is or that a text spells, exactly; None where it is none, and for NaN."""
    if isinstance(value, int):
        return value
    if not isinstance(value, float | str):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return None if number.is_nan() else number


def path_matches(path: tuple[str, ...], kind: str, labels: tuple[str, ...]) -> bool:
    """Whether a path starts (`prefix`) or ends (`suffix`) with these labels; `*` stands for any one label."""
    if len(path) < len(labels):
        return False
    if kind not in ("prefix", "suffix"):
        raise InvalidItem(f"unknown match type '{kind}': use 'prefix' or 'suffix'")
    part = path[: len(labels)] if kind == "prefix" else path[len(path) - len(labels) :]
    return all(asked in ("*", label) for label, asked in zip(part, labels, strict=True))
