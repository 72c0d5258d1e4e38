"""Text at the edges of the program: everything that comes from outside passes `carriable` before it is used."""

from __future__ import annotations

from typing import Any

from memory.text import carriable


def carriable_data(data: Any) -> Any:
    """JSON data with every text in it made carriable, names of fields included."""
    if isinstance(data, str):
        return carriable(data)
    if isinstance(data, dict):
        return {carriable_data(name): carriable_data(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [carriable_data(item) for item in data]
    return data


__all__ = ["carriable", "carriable_data"]
