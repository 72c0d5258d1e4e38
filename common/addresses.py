"""Addresses of servers: looked at before anything is sent, so that a slip of the pen is told as one."""

from __future__ import annotations

from urllib.parse import urlsplit

from pilotage.common.redaction import public_address
from pilotage.common.text import one_line


def checked_address(text: str, what: str) -> str:
    """An address of HTTP as it was given.

    Args:
        text: the address.
        what: what should be there, for the message: `a model server`.

    Raises:
        ValueError: no client could use it; the sentence says why, and shows no credentials.
    """
    if why := _fault(text):
        shown = one_line(public_address(text))[:200]
        raise ValueError(f"'{shown}' is no address of {what} ({why}): write http://HOST:PORT/PATH")
    return text


def _fault(text: str) -> str | None:
    import httpx

    if not text.lower().startswith(("http://", "https://")):
        return "it does not start with http:// or https://"
    if any(character.isspace() or not character.isprintable() for character in text):
        return "it holds white space or what cannot be printed"
    try:
        parts = urlsplit(text)
        if not parts.hostname:
            return "it names no host"
        if parts.port == 0:
            return "no server is at port 0"
    except ValueError as error:
        return str(error)
    try:
        _ = httpx.URL(text).host  # what it makes of names in other scripts is looked up when they are read
        parts.hostname.encode("idna")  # as the resolver does
    except (httpx.InvalidURL, UnicodeError):
        return "its host has a name that no host can have"
    return None
