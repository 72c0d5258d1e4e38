"""Numbers as people and models write them: read exactly, or not at all."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Context, Decimal, InvalidOperation
from fractions import Fraction

# Longer digit strings, or larger exponents, are no answers but a way to exhaust the reader.
_MOST_DIGITS = 1000
_MOST_EXPONENT = 300
_MOST_WORDS = 8

_CURRENCY = "$¢£¥\u20a0-\u20cf"
_LATIN = "A-Za-zÀ-ÖØ-öø-ɏ"  # letters of words; one of another script may be a factor, as in `3π`
# A number: thousands in threes or none, decimals, exponent, denominator, or a whole and a fraction. Not inside a word
# or another number.
_NUMBER = re.compile(
    rf"(?<![\w.,])(?P<sign>[-+])?\s*[{_CURRENCY}]?\s*(?P<minus>-)?"
    r"(?:(?P<whole>\d+)\s+(?=\d+/\d+(?![\d.])))?"
    r"(?P<value>(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?![\d])"
    r"(?:[eE](?P<exponent>[-+]?\d+)(?!\w))?"
    r"(?:\s*/\s*(?P<denominator>\d+(?:\.\d+)?))?"
)
# What may stand around it: words, a currency, a percent sign, brackets and full stops, but no arithmetic.
_AROUND = re.compile(rf"[{_LATIN}\s.,;:()\[\]'\"%°~≈{_CURRENCY}]*")
# A word that multiplies what stands before it; what may be one, or a unit (`5m`, `5 dozen`), leaves the value open.
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_SCALE = re.compile(rf"\s*({'|'.join(_SCALES)})\b", re.I)
_MAYBE_SCALE = re.compile(r"\s*(?:dozens?|k|bn)\b|m\b", re.I)
# `x = `, `Total: ` or `The total is ` before a number, and at most a few words of unit after it.
_LABEL = re.compile(r"[^\W\d_][\w ]{0,40}(?:=|[:：]|\b(?:is|are|was|equals)\b:?)\s*")
_UNIT = re.compile(rf"[\s.)\]%°{_CURRENCY}]*(?:[{_LATIN}]+[\s.]*){{0,4}}")
_NAME = re.compile(r"[A-Za-z]\w*\s*=|[^\W\d_]+\s*[:：]")
# A unit behind a number: of length with a power, or one by another. `3 x^2` and `3 x/y` are no numbers.
_POWER = r"(?:[23]\b|\s*\^[23]\b|\s*\^\{[23]\}|[²³])"
_LENGTH = r"(?:[kcdmµn]?m|ft|in|yd|mi)"
_POWER_OF_LENGTH = re.compile(rf"(?<=\d)(\s*{_LENGTH}){_POWER}")
_RATE = re.compile(
    rf"([{_CURRENCY}]\s?[\d.,]*\d|(?<=\d)\s*(?:[{_LATIN}]{{2,}}|[mgl])\s?)/\s?((?:[{_LATIN}]{{2,}}|[hsdlL])\b){_POWER}?"
)
_SPACED = re.compile(
    "(?<![\\w.,])\\d{1,3}(?:(?:[ \u00a0\u2009\u202f]\\d{3}){2,}|(?:[\u00a0\u2009\u202f]\\d{3})| 000)(?![\\d,])"
)
"""Thousands set apart by spaces. Of ordinary ones two groups, or one of zeros: `3 100` may be two numbers."""
# LaTeX and Markdown that is written around numbers.
_TEX = (
    (re.compile(r"\\[dt]?frac\{([\d.]+)\}\{([\d.]+)\}"), r" \1/\2"),
    (re.compile(r"\\(?:text|mathrm|mbox)\{([^{}]*)\}"), r" \1 "),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\(?:approx|sim)\b"), "≈"),
    (re.compile(r"\\[,;!() ]|\\[\[\]]|\\(?=[$%])|[*_`]"), " "),
    (re.compile("[\u2212\u2013]"), "-"),
)
_DIGITS = re.compile(r"(?<![\w.,])[-+\u2212]?\d(?:[\d.,'\u2019\u00a0\u2009\u202f]|[ ](?=\d{3}(?!\d))){0,40}")
_BLANKS = re.compile("[ '\u2019\u00a0\u2009\u202f]")
_DASHES = re.compile("\u2212")
_ROUNDED_DIGITS = 3
_VULGAR = re.compile("[¼-¾⅐-⅞]")


def parse_number(text: str) -> Fraction | None:
    """The one number in a short text such as `$1,234.50`, `3/4`, `3 1/2`, `1e3`, `-5`, `5 million` or `35 m²`.

    None where there is none, two different ones, arithmetic around it, or a word that may be a unit or change it
    (`5k`). A percent sign is a unit: `50%` is 50.
    """
    text = _without_markup(text)
    name = _NAME.match(text)
    text = text[name.end() :].strip() if name else text
    numbers = list(_NUMBER.finditer(text))
    rest = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", _NUMBER.sub(" ", text))
    if not numbers or not _AROUND.fullmatch(rest) or len(rest.split()) > _MOST_WORDS:
        return None
    values = {_scaled(match, text[match.end() :]) for match in numbers}
    return values.pop() if len(values) == 1 else None


def mentions(text: str, value: Fraction) -> bool:
    """Whether a text gives a number, in the spelling of any language: `1,234.5`, `1.234,5`, `1 234,5`, rounded too.

    A rounded one counts from three significant digits on.
    """
    if any(_value(match) == value for match in _NUMBER.finditer(_without_markup(text))):
        return True
    return any(_is_rounded(reading, value) for match in _DIGITS.finditer(text) for reading in _readings(match[0]))


def _readings(written: str) -> Iterator[str]:
    """What digits with separators may mean: either mark as the decimal one, the other between groups of three."""
    bare = _DASHES.sub("-", _BLANKS.sub("", written)).rstrip(".,")
    for decimal, other in (".,", ",."):
        d, o = re.escape(decimal), re.escape(other)
        if re.fullmatch(rf"[-+]?(?:\d{{1,3}}(?:{o}\d{{3}})+|\d+)(?:{d}\d+)?", bare):
            yield bare.replace(other, "").replace(decimal, ".")


def _is_rounded(reading: str, value: Fraction) -> bool:
    try:
        shown = Decimal(reading)
    except InvalidOperation:
        return False
    exponent = shown.as_tuple().exponent
    assert isinstance(exponent, int)
    exact = Fraction(shown) == value
    significant = len(shown.as_tuple().digits) >= _ROUNDED_DIGITS and exponent < 0
    return exact or (significant and abs(Fraction(shown) - value) <= Fraction(10) ** exponent / 2)


def is_bare_number(text: str) -> bool:
    """Whether a whole reply is one number, at most with a label before it and a unit after it."""
    line = _without_markup(text)
    label = _LABEL.match(line)
    line = line[label.end() if label else 0 :].lstrip("([~≈ ")
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
    """The text with fractions, thousands and units of any spelling in the one that is read here."""
    for pattern, replacement in _TEX:
        text = pattern.sub(replacement, text)
    text = _VULGAR.sub(lambda sign: " " + unicodedata.normalize("NFKC", sign[0]).replace("\u2044", "/"), text)
    text = _SPACED.sub(lambda number: re.sub(r"\s", "", number[0]), text)
    return _RATE.sub(r"\1 \2", _POWER_OF_LENGTH.sub(r" \1 ", text)).strip()


def _scaled(match: re.Match[str], behind: str) -> Fraction | None:
    """The value of a number with the word behind it; None where that leaves it open."""
    value, scale = _value(match), _SCALE.match(behind)
    in_money = re.search(rf"[{_CURRENCY}]", match[0])
    if value is None or _MAYBE_SCALE.match(behind) or (in_money and re.match(r"\s*m\b", behind, re.I)):
        return None
    if scale is None:
        return value
    further = behind[scale.end() :]
    return None if _SCALE.match(further) else value * 10 ** _SCALES[scale[1].lower()]


def _value(match: re.Match[str]) -> Fraction | None:
    value, exponent = match["value"].replace(",", ""), match["exponent"] or "0"
    if len(value) > _MOST_DIGITS or len(exponent) > 4 or abs(int(exponent)) > _MOST_EXPONENT:
        return None
    number = Fraction(value) * Fraction(10) ** int(exponent)
    if match["denominator"] is not None:
        if len(match["denominator"]) > _MOST_DIGITS or Fraction(match["denominator"]) == 0:
            return None
        number /= Fraction(match["denominator"])
    if match["whole"] is not None:
        if number >= 1 or len(match["whole"]) > _MOST_DIGITS:
            return None  # `3 5/2` is no mixed number
        number += int(match["whole"])
    negative = (match["sign"] == "-") != (match["minus"] == "-")
    return -number if negative else number
