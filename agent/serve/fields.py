"""Fields of a request, taken out one by one: what is left at the end is refused by name."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from pilotage.agent.serve.errors import ApiError


def wrong(name: str, due: str) -> ApiError:
    """The error of a field whose value is none; `due` completes 'it ...'."""
    return ApiError(400, f"`{name}` is not as it should be: it {due}", param=name, code="invalid_value")


def untaken(name: str, why: str = "is not taken here") -> ApiError:
    """The error of a field, or of a value, that would not be honoured."""
    return ApiError(400, f"`{name}` {why}", param=name, code="unsupported_parameter")


class Fields:
    """The fields of an object; null stands for a field that is not there.

    Each method takes a field out, checks it, and raises ApiError 400 that names it.

    Args:
        given: the object.
        path: what its fields are called by in errors, with a dot at the end.
    """

    def __init__(self, given: Mapping[str, Any], path: str = "") -> None:
        self._left = {str(name): value for name, value in given.items() if value is not None}
        self._path = path

    def take(self, name: str) -> Any:
        """The value as it is; None where there is none."""
        return self._left.pop(name, None)

    def text(self, name: str, *, least: int = 0) -> str | None:
        """Text of at least so many characters."""
        value = self._left.pop(name, None)
        if value is not None and (not isinstance(value, str) or len(value) < least):
            raise wrong(self._path + name, "is text" + (" that is not empty" if least else ""))
        return value

    def flag(self, name: str) -> bool | None:
        """True or false."""
        value = self._left.pop(name, None)
        if not isinstance(value, bool | None):
            raise wrong(self._path + name, "is true or false")
        return value

    def whole(self, name: str, least: int, most: int | None = None) -> int | None:
        """A whole number within bounds."""
        value = self._left.pop(name, None)
        if value is not None and (type(value) is not int or value < least or (most is not None and value > most)):
            bound = f" to {most}" if most is not None else ""
            raise wrong(self._path + name, f"is a whole number from {least}{bound}")
        return value

    def number(self, name: str, least: float, most: float) -> float | None:
        """A number within bounds."""
        value = self._left.pop(name, None)
        if value is None:
            return None
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or not least <= value <= most:
            raise wrong(self._path + name, f"is a number from {least:g} to {most:g}")
        return float(value)

    def choice(self, name: str, values: Collection[str]) -> str | None:
        """One of some words."""
        value = self.text(name)
        if value is not None and value not in values:
            raise wrong(self._path + name, f"is one of {', '.join(values)}")
        return value

    def object(self, name: str) -> Fields:
        """The fields of an object; none where there is no such field."""
        return Fields(self.mapping(name), f"{self._path}{name}.")

    def mapping(self, name: str) -> Mapping[str, Any]:
        """An object as it is; an empty one where there is no such field."""
        value = self._left.pop(name, None)
        if not isinstance(value, Mapping | None):
            raise wrong(self._path + name, "is an object")
        return value or {}

    def end(self) -> None:
        """Refuses what was not taken; false and what is empty ask for nothing."""
        for name in sorted(self._left):
            value = self._left[name]
            if not (value is False or value in ([], {})):  # 0 asks for something, though it equals false
                raise untaken(self._path + name)
