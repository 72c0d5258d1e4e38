"""Reading a message: its request apart from what is quoted or fenced, in sentences, clauses and tokens.

All of it is bounded: of a long message the beginning and the end are read, where people put their request, and every
regular expression in this room has bounded repetitions or runs in time proportional to what it reads.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from pilotage.agent.chat.normal_form import is_spaceless, normalised, tokens
from pilotage.agent.chat.wording import asking as ask
from pilotage.agent.chat.wording import computing
from pilotage.agent.chat.wording.words import Words

READ = 400
"""Characters read at the beginning and at the end of a message; what lies between them is material."""
PARTS = 16
"""Sentences, and clauses, that are read from either end of these."""
QUOTED, CODE = "QUOTED", "CODE"
"""What stands in a request for a quotation and for code: capitals, which no folded text has."""
NUMBER = re.compile(r"(?<![a-z_#\d])([$€£¥]?)(\d{1,40}(?:[.,:]\d{1,20}){0,9})(?!\d)")
NUMBER_ROW = re.compile(
    r"(?<![\d.])\d{1,20}(?:\.\d{1,20})?(?:(?:\s{0,3}[,、;]\s{0,3}-?\d{1,20}(?:\.\d{1,20})?){2,40}"
    r"|(?:\s{1,3}-?\d{1,20}(?:\.\d{1,20})?){3,40})"
)
"""Three numbers with commas between them, or four without."""

SUM = re.compile(
    r"\d\s?%?\)?\s{0,3}(?:\*\*?|[+×÷^·]|\s[-/x]\s)\s{0,3}[-(]{0,3}\d|\d ?% \d|\d\s?[*^]\s?[a-z(]"
    r"|0x[0-9a-f]{1,16} ?[-+*<>&|^]"
)
"""Two operands and what to do with them; `-`, `/` and `x` stand between spaces, or they may be of a date or a size."""

_YEAR_BEFORE = re.compile(
    r"(?:\b(?:in|since|of|from|to|until|by|the|and|en|de|del|desde|depuis|seit|von|bis|im|jahr|ano|annee)|-)\s?$"
)
_COUNT_IN_HAN = re.compile(r"[二两三四五六七八九十百千半]{1,9}[个只条本元块岁人天位名张次倍辆支颗箱小分台班组]")
_INLINE = re.compile(r"`([^`\n]{1,400})`")
_OPERATOR = re.compile(r"[()\[\]+*/%=<>]")
_QUOTATION = re.compile(r'"([^"\n]{1,400})"|(?<!\w)\'([^\'\n]{1,200})\'(?!\w)')
_SENTENCE = re.compile(  # not behind the number of `15. Februar`
    r"(?<=[?!。])\s*|(?<=\.)\s+(?!(?:jan|feb|mar|apr|mai|jun|jul|aug|sep|okt|nov|dez)\w{0,7}\b)|\n+"
)
_CLAUSE = re.compile(r"[,:;、](?!\d)|[()]|\s-\s(?!\d)")
_CODE_MARK = re.compile(
    r"\b(?:print|println|printf|console\.log|range|len|map|append|push|cout|echo|sum|sorted)\s?(?:\(|<<)"
    r"|=>|==|\+=|-=|\+\+|\b\w{1,20} ?[-+*/]?= ?[^=\n;]{1,40};"
    r"|\[-?\d{0,3}:-?\d{0,3}[:\]]|\(\);|\{\s?$|;\s?$|\bdef \w{1,40}\("
    r"|\bselect\b[^\n]{1,80}\bfrom\b|\b(?:int|let|const|var) \w{1,40} ?="
    r"|QUOTED \.\w{1,20}\(",
    re.M,
)


@dataclass(frozen=True)
class Part:
    """A piece of a message, normalised: all of it, a sentence or a clause."""

    text: str

    @cached_property
    def tokens(self) -> list[str]:
        """As `normal_form.tokens` gives them."""
        return tokens(self.text)

    @cached_property
    def grams(self) -> frozenset[str]:
        """Every run of one to three tokens, joined by spaces."""
        one = self.tokens
        two = [f"{a} {b}" for a, b in pairwise(one)]
        return frozenset(one).union(two, (f"{a} {b}" for a, b in zip(two, one[2:], strict=False)))

    @cached_property
    def said(self) -> dict[Words, bool]:
        """Tables of words, and whether it says one of theirs: filled by `Words.among`."""
        return {}

    @cached_property
    def head(self) -> list[str]:
        """Tokens from the first that is more than politeness."""
        words, start = self.tokens, 0
        if words[:1] == ["to"]:  # `To make up for it`: a purpose, no request
            return words
        while start < min(len(words), 12) and words[start] in ask.POLITE.spoken:
            start += 1
        return words[start:]

    @cached_property
    def openings(self) -> tuple[str, ...]:
        """The first one, two and three tokens of its head, joined by spaces."""
        return tuple(" ".join(self.head[:n]) for n in (1, 2, 3))

    @cached_property
    def is_spaceless(self) -> bool:
        """As `normal_form.is_spaceless` says."""
        return is_spaceless(self.text)

    @cached_property
    def is_question(self) -> bool:
        """Whether it ends in a question mark."""
        return self.text.rstrip().endswith("?")

    @cached_property
    def quantities(self) -> int:
        """How many numbers it gives that are no year and no ordinal, in digits or in words."""
        found = 0
        for match in NUMBER.finditer(self.text):
            after = self.text[match.end() : match.end() + 2]
            found += not (after in ("st", "nd", "rd", "th") or (not match[1] and self._is_year(match)))
        found += computing.NUMBER_WORDS.count(self)
        return found + (len(_COUNT_IN_HAN.findall(self.text)) if self.is_spaceless else 0)

    def _is_year(self, match: re.Match[str]) -> bool:
        digits = match[2]
        if len(digits) != 4 or not digits.isdigit() or not 1500 <= int(digits) <= 2099:
            return False
        before = self.text[max(0, match.start() - 8) : match.start()]
        return bool(
            self.text[match.end() : match.end() + 1] == "年" or int(digits) % 100 or _YEAR_BEFORE.search(before)
        )

    @cached_property
    def clauses(self) -> tuple[Part, ...]:
        """What commas, colons, dashes and parentheses set off."""
        return _ends(_CLAUSE.split(self.text))


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
        inline = {span for span in _INLINE.findall(prose) if _OPERATOR.search(span)}
        code = code or "\n".join(inline)
        prose = _INLINE.sub(lambda span: f" {CODE} " if span[1] in inline else f'"{span[1]}"', prose)
        quoted = tuple(a or b for a, b in _QUOTATION.findall(prose))
        outside = _QUOTATION.sub(f" {QUOTED} ", prose)
        if not code:
            outside, code = _unfenced(outside, quoted)
        return cls(Part(outside), quoted, code)

    @cached_property
    def sentences(self) -> tuple[Part, ...]:
        """Of the request; a line is one at least."""
        return _ends(_SENTENCE.split(self.request.text))

    @cached_property
    def clauses(self) -> tuple[Part, ...]:
        """Of all sentences."""
        clauses = [clause for sentence in self.sentences for clause in sentence.clauses]
        return tuple(clauses[:PARTS] + clauses[PARTS:][-PARTS:])

    @cached_property
    def asking(self) -> Part:
        """The last sentence that asks: it ends in a question mark, or else says a question word, or is the last."""
        questions = [sentence for sentence in self.sentences if sentence.is_question]
        said = [s for s in self.sentences if any(table.among(s) for table in (ask.HOW_MANY, ask.HOW_MUCH, ask.WHAT_IS))]
        return (questions or said or list(self.sentences) or [self.request])[-1]

    @cached_property
    def has_row(self) -> bool:
        """The request gives a row of numbers."""
        return NUMBER_ROW.search(self.request.text) is not None

    @cached_property
    def has_sum(self) -> bool:
        """The request gives two operands and an operator."""
        return SUM.search(self.request.text) is not None

    @cached_property
    def has_list(self) -> bool:
        """A sentence of it has two commas at least, or something stands behind a colon."""
        commas = any(sentence.text.count(",") >= 2 for sentence in self.sentences)
        return commas or re.search(r":\s{0,9}\S", self.request.text) is not None

    @cached_property
    def has_material(self) -> bool:
        """Something to work on is set apart in it: quoted, fenced, in a list, a row or lines."""
        return bool(self.quoted or self.code) or self.has_list or self.has_row or len(self.sentences) >= 4


def _ends(pieces: Sequence[str]) -> tuple[Part, ...]:
    """At most twice `PARTS` pieces, those at either end, without the empty ones."""
    parts = [piece for piece in pieces if piece and not piece.isspace()]
    return tuple(map(Part, parts[:PARTS] + parts[PARTS:][-PARTS:]))


def _unfenced(outside: str, quoted: Sequence[str]) -> tuple[str, str]:
    """A request without the lines that are written like code, and these; a request of one line keeps its words."""
    lines = outside.split("\n")
    code = {line for line in lines if _CODE_MARK.search(line)}
    if not code:
        return outside, "\n".join(one for one in quoted if _CODE_MARK.search(one))
    if all(line in code for line in lines if line.strip()):
        return _CODE_MARK.sub(f" {CODE} ", outside), outside
    return "\n".join(CODE if line in code else line for line in lines), "\n".join(sorted(code))
