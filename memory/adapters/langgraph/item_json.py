"""An item's value as JSON: what was put is what is read, or it is refused by a sentence that names the place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pilotage.memory.errors import InvalidItem

_MAX_DEPTH = 200  # of a value: a reader deep in calls of its own must still be able to parse it
_MAX_DIGITS = 4000  # of a whole number: Python refuses to read more than 4,300
_TOO_LARGE = 10**_MAX_DIGITS


def to_json(value: Mapping[str, Any], where: str) -> str:
    """JSON text of an item's value.

    Raises:
        InvalidItem: it is not an object of JSON values with text keys. Nothing is converted silently, so what is
            read is what was put.
    """
    if not isinstance(value, Mapping):
        raise InvalidItem(f"{where} is of type {type(value).__name__}: an item's value is an object with text keys")
    _check(value, where, 0)
    return json.dumps(value if isinstance(value, dict) else dict(value), ensure_ascii=True, allow_nan=False)


def _check(value: object, where: str, depth: int) -> None:
    if value is None or isinstance(value, str | bool):
        return
    if depth > _MAX_DEPTH:
        raise InvalidItem(f"{where[:60]}... is nested more than {_MAX_DEPTH} deep: flatten it, or write it as text")
    if isinstance(value, int):
        if abs(value) >= _TOO_LARGE:
            raise InvalidItem(f"{where} has more than {_MAX_DIGITS:,} digits: write it as text")
    elif isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise InvalidItem(f"{where} is {value}, which JSON cannot hold: leave it out or write it as text")
    elif isinstance(value, Mapping):
        for key, part in value.items():
            if not isinstance(key, str):
                raise InvalidItem(f"{where} has the key {key!r}, which is not text: JSON objects have text keys")
            _check(part, f"{where}.{key}", depth + 1)
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            _check(part, f"{where}[{index}]", depth + 1)
    else:
        raise InvalidItem(
            f"{where} is of type {type(value).__name__}, which JSON cannot hold: convert it to text, numbers, lists or "
            "objects first"
        )
