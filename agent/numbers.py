"""Numbers as people and models write them: read exactly, or not at all."""

from __future__ import annotations

import re
from decimal import Context, Decimal
from fractions import Fraction

# Longer digit strings, or larger exponents, are no answers but a way to exhaust the reader.
_MOST_DIGITS = 1000
_MOST_EXPONENT = 300
_MOST_WORDS = 8

# A number: thousands in threes or none, decimals, exponent, denominator. Not inside a word or another number.
_NUMBER = re.compile(
    r"(?<![\w.,])(?P<sign>[-+])?\s*[$€£]?\s*(?P<minus>-)?"
    r"(?P<value>(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?![\d])"
    r"(?:[eE](?P<exponent>[-+]?\d+)(?!\w))?"
    r"(?:\s*/\s*(?P<denominator>\d+(?:\.\d+)?))?"
)
# What may stand around it: words, a currency, a percent sign, brackets and full stops, but no arithmetic.
_AROUND = re.compile(r"[A-Za-z\s.,;:()\[\]'\"$€£%°]*")
_SCALE = re.compile(r"^\s*-?(?:hundred|thousand|million|billion|trillion|dozens?|k|m|bn)\b", re.IGNORECASE)
# `x = `, `Total: ` or `The total is ` before a number, and at most a few words of unit after it.
_LABEL = re.compile(r"[A-Za-z][\w ]{0,40}(?:=|:|\b(?:is|are|was|equals)\b:?)\s*")
_UNIT = re.compile(r"[\s.)\]%°]*(?:[A-Za-z]+[\s.]*){0,4}")
# LaTeX and Markdown that is written around numbers.
_TEX = (
    (re.compile(r"\\[dt]?frac\{([\d.]+)\}\{([\d.]+)\}"), r"\1/\2"),
    (re.compile(r"\\(?:text|mathrm|mbox)\{([^{}]*)\}"), r" \1 "),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\[,;!() ]|\\[\[\]]|\\(?=[$%])|[*_`]"), " "),
    (re.compile("[\u2212\u2013]"), "-"),
)


def parse_number(text: str) -> Fraction | None:
    """The one number in a short text such as `$1,234.50`, `3/4`, `1e3`, `-5` or `18 dollars`.

    None where there is none, two different ones, arithmetic around it, or a scale word (`5 million`) that would
    change it. A percent sign is a unit: `50%` is 50.
    """
    text = re.sub(r"^[A-Za-z]\w*\s*=", "", _without_markup(text)).strip()
    found = list(_NUMBER.finditer(text))
    rest = _NUMBER.sub(" ", text)
    if not found or not _AROUND.fullmatch(rest) or len(rest.split()) > _MOST_WORDS:
        return None
    if any(_SCALE.match(text[match.end() :]) for match in found):
        return None
    values = {_value(match) for match in found}
    return values.pop() if len(values) == 1 else None


def is_bare_number(text: str) -> bool:
    """Whether a whole reply is one number, at most with a label before it and a unit after it."""
    line = _without_markup(text)
    label = _LABEL.match(line)
    line = line[label.end() if label else 0 :].lstrip("([ ")
    number = _NUMBER.match(line)
    return number is not None and bool(_UNIT.fullmatch(line[number.end() :])) and parse_number(line) is not None


def plain(number: Fraction) -> str:
    """One spelling a value: integers in full, others with ten significant digits."""
    if number.denominator == 1:
        return str(number.numerator)
    digits = Context(prec=10).divide(Decimal(number.numerator), Decimal(number.denominator))
    nearest = digits.to_integral_value()
    return str(int(nearest)) if digits == nearest else f"{digits.normalize():f}"


def _without_markup(text: str) -> str:
    for pattern, replacement in _TEX:
        text = pattern.sub(replacement, text)
    return text.strip()


def _value(match: re.Match[str]) -> Fraction | None:
    value, exponent = match["value"].replace(",", ""), match["exponent"] or "0"
    if len(value) > _MOST_DIGITS or len(exponent) > 4 or abs(int(exponent)) > _MOST_EXPONENT:
        return None
    number = Fraction(value) * Fraction(10) ** int(exponent)
    if match["denominator"] is not None:
        if Fraction(match["denominator"]) == 0:
            return None
        number /= Fraction(match["denominator"])
    negative = (match["sign"] == "-") != (match["minus"] == "-")
    return -number if negative else number
