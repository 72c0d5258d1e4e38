"""The normal form of text that wording is compared in: one case, no accents, one sign for each meaning."""

from __future__ import annotations

import re
import unicodedata

_ALIKE = str.maketrans(
    {"²": "^2", "³": "^3", "⁄": "/", "−": "-", "–": "-", "’": "'", "‘": "'", "„": '"'}
    | dict.fromkeys("“”«»「」『』", '"')
    | dict.fromkeys("¿¡")
)
_TOKEN = re.compile(r"\d(?:\d|[.,:](?=\d))*|[^\W\d_]+|[%$€£¥=+*/^×÷]")
_SPACELESS = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


def normalised(text: str) -> str:
    """Folded to one case, without accents, with one form of each quote, dash, digit and stop."""
    if not text.isascii():
        marked = unicodedata.normalize("NFKD", text.translate(_ALIKE))
        text = "".join(c for c in marked if not unicodedata.combining(c)).translate(_ALIKE)
    return text.casefold()


def tokens(text: str) -> list[str]:
    """Words, operators and currency signs of a normalised text, in order; every number is `#`."""
    return ["#" if token[0].isdigit() else token for token in _TOKEN.findall(text)]


def is_spaceless(text: str) -> bool:
    """Whether a text is (partly) in a script that sets no spaces between words, Chinese or Japanese."""
    return not text.isascii() and _SPACELESS.search(text) is not None
