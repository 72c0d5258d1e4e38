"""Addresses of servers, as somebody wrote them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit


def checked_address(text: str, what: str) -> str:
    """The address as it was given.

    Args:
        text: the address.
        what: whose it is, for example 'a Chroma server'.

    Raises:
        ValueError: it cannot be the address of a server that speaks HTTP; its text is one sentence.
    """
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # half a bracket, or a port that is no number
        known = False
    if not known or re.search(r"[\s\x00-\x1f\x7f]", text):
        raise ValueError(f"'{text}' is not the address of {what}: use one like 'http://localhost:8000'")
    return text
