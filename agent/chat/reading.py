"""Reading a message: its request apart from what is quoted or fenced, in sentences, clauses and tokens.

All of it is bounded: of a long message the beginning and the end are read, where people put their request, and every
regular expression here runs in time proportional to what it reads.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

READ = 1_200
"""Characters read at the beginning and at the end of a message; what lies between them is material."""
QUOTED, CODE = "QUOTED", "CODE"
"""What stands in a request for a quotation and for fenced code: capitals, which no folded text has."""

_ALIKE = str.maketrans(
    {"²": "^2", "³": "^3", "⁄": "/", "−": "-", "–": "-", "’": "'", "‘": "'", "`": '"', "„": '"'}
    | dict.fromkeys("“”«»「」『』", '"')
)
_TOKEN = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+|[%$€£¥=+*/^×÷]")
_SPACELESS = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
_QUOTATION = re.compile(r'"([^"\n]{1,400})"|(?<!\w)\'([^\'\n]{1,200})\'(?!\w)')
_SENTENCE = re.compile(
    r"(?<=[?!。])\s*|(?<=\.)\s+(?!(?:jan|feb|mar|apr|mai|jun|jul|aug|sep|okt|nov|dez)\w*\b)|\n+"  # `15. Februar`
)
_CLAUSE = re.compile(r"[,:;、](?!\d)|[()]|\s-\s(?!\d)")
_CODE_MARK = re.compile(
    r"\b(?:print|println|printf|console\.log|range|len|map|append|push|cout|echo|sum|sorted)\s?(?:\(|<<)|=>|==|\+=|-=|\+\+"
    r"|\b\w{1,20} ?[-+*/]?= ?[^=\n;]{1,40};|\[::|\(\);|\{\s?$|;\s?$|\bdef \w{1,40}\(|\bselect\b[^\n]{1,80}\bfrom\b|\b(?:int|let|const|var) \w{1,40} ?=",
    re.M,
)


def normalised(text: str) -> str:
    """Folded to one case, without accents, with one form of each quote, dash, digit and stop."""
    if not text.isascii():
        marked = unicodedata.normalize("NFKD", text.translate(_ALIKE))
        text = "".join(c for c in marked if not unicodedata.combining(c)).translate(_ALIKE)
    return text.replace("`", '"').casefold()


def tokens(text: str) -> list[str]:
    """Words, operators and currency signs of a normalised text, in order; every number is `#`."""
    return ["#" if token[0].isdigit() else token for token in _TOKEN.findall(text)]


def clauses_of(sentence: str) -> list[str]:
    """What commas, colons, dashes and parentheses set off in a normalised sentence."""
    return [clause for clause in _CLAUSE.split(sentence) if clause and not clause.isspace()]


def is_spaceless(text: str) -> bool:
    """Whether a text is (partly) in a script that sets no spaces between words, Chinese or Japanese."""
    return _SPACELESS.search(text) is not None


@dataclass(frozen=True)
class Part:
    """A piece of a message, normalised: all of it, a sentence or a clause."""

    text: str

    @cached_property
    def tokens(self) -> list[str]:
        """As `tokens` gives them."""
        return tokens(self.text)

    @cached_property
    def grams(self) -> frozenset[str]:
        """Every run of one to three tokens, joined by spaces."""
        one = self.tokens
        two = [f"{a} {b}" for a, b in pairwise(one)]
        return frozenset(one).union(two, (f"{a} {b}" for a, b in zip(two, one[2:], strict=False)))

    @cached_property
    def is_spaceless(self) -> bool:
        """As the function says."""
        return is_spaceless(self.text)


def _unfenced(outside: str, quoted: Sequence[str]) -> tuple[str, str]:
    """A request without the lines that are written like code, and these lines; a request of one line keeps its words."""
    lines = outside.split("\n")
    code = [line for line in lines if _CODE_MARK.search(line)]
    if not code:
        return outside, "\n".join(one for one in quoted if _CODE_MARK.search(one))
    if all(line in code for line in lines if line.strip()):
        return _CODE_MARK.sub(f" {CODE} ", outside), outside
    return "\n".join(CODE if line in code else line for line in lines), "\n".join(code)


@dataclass(frozen=True)
class Message:
    """What a user wrote: the request, and what is quoted or fenced in it.

    Attributes:
        request: the text with `QUOTED` and `CODE` for what is set apart.
        quoted: the quotations, in order.
        code: fenced code, or the lines that are written like code.
    """

    request: Part
    quoted: tuple[str, ...]
    code: str

    @classmethod
    def read(cls, text: str) -> Message:
        """Reads `READ` characters at either end."""
        if len(text) > 2 * READ:
            text = f"{text[:READ]}\n{text[-READ:]}"
        pieces = text.split("```")
        code = normalised("\n".join(pieces[1::2]))
        prose = f" {CODE} ".join(map(normalised, pieces[::2]))
        quoted = tuple(a or b for a, b in _QUOTATION.findall(prose))
        outside = _QUOTATION.sub(f" {QUOTED} ", prose)
        if not code:
            outside, code = _unfenced(outside, quoted)
        return cls(Part(outside), quoted, code)

    @cached_property
    def sentences(self) -> tuple[Part, ...]:
        """Of the request; a line is one at least."""
        return tuple(Part(s) for s in _SENTENCE.split(self.request.text) if s and not s.isspace())

    @cached_property
    def clauses(self) -> tuple[Part, ...]:
        """Of the request: what commas, colons, dashes and parentheses set off."""
        return tuple(Part(c) for s in self.sentences for c in clauses_of(s.text))
