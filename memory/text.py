"""Text at the edges: what UTF-8 and JSON cannot carry is replaced before anything keeps it."""

from __future__ import annotations

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
