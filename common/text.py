"""Text at the edges: what UTF-8 and JSON cannot carry is replaced before anything keeps it."""

from __future__ import annotations

from typing import Any


def carriable(text: str) -> str:
    """The text with nothing in it that UTF-8 cannot write; any other text is returned as it is.

    Two halves of one character that stand side by side, as a stream cut between them gives, become that character; a
    half without its other half, or a byte that was no text (`surrogateescape`), becomes U+FFFD.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def carriable_data(data: Any) -> Any:
    """JSON data with every text in it made carriable, names of fields included."""
    if isinstance(data, str):
        return carriable(data)
    if isinstance(data, dict):
        return {carriable_data(name): carriable_data(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [carriable_data(item) for item in data]
    return data
