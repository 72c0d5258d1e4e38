"""Filters and path conditions of a LangGraph store: `$eq $ne $gt $gte $lt $lte`, matching by segment."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from memory.errors import InvalidItem

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
_OPERATORS = {"$eq", "$ne", *_ORDER}


def check_filter(wanted: Any) -> None:
    """Raise InvalidItem for an operator that there is not, also where no item would have met it."""
    if isinstance(wanted, Mapping):
        for key, part in wanted.items():
            if key.startswith("$") and key not in _OPERATORS:
                raise InvalidItem(f"unknown filter operator '{key}': use one of {', '.join(sorted(_OPERATORS))}")
            check_filter(part)
    elif isinstance(wanted, list | tuple):
        for part in wanted:
            check_filter(part)


def passes(value: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> bool:
    """Whether a value meets every condition of a filter."""
    return all(_matches(value.get(key), condition) for key, condition in (wanted or {}).items())


def _matches(value: Any, condition: Any) -> bool:
    if isinstance(condition, Mapping):
        if any(key.startswith("$") for key in condition):
            return all(_compares(value, name, other) for name, other in condition.items())
        return isinstance(value, Mapping) and all(_matches(value.get(key), part) for key, part in condition.items())
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
        return isinstance(value, Mapping) and _matches(value.get(name), other)
    try:
        return compare(float(value), float(other))
    except (TypeError, ValueError):
        # Dates and other text that is no number: by the alphabet.
        return isinstance(value, str) and isinstance(other, str) and compare(value, other)


def path_matches(path: tuple[str, ...], kind: str, wanted: tuple[str, ...]) -> bool:
    """Whether a path starts (`prefix`) or ends (`suffix`) with these labels; `*` stands for any one label."""
    if len(path) < len(wanted):
        return False
    if kind not in ("prefix", "suffix"):
        raise InvalidItem(f"unknown match type '{kind}': use 'prefix' or 'suffix'")
    part = path[: len(wanted)] if kind == "prefix" else path[len(path) - len(wanted) :]
    return all(asked in ("*", label) for label, asked in zip(part, wanted, strict=True))
