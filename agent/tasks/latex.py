r"""LaTeX: the answer in `\boxed{...}`, and whether two answers of mathematics are the same.

What is compared is a spelling, not mathematics: `\dfrac{1}{2}`, `\frac12`, `1/2` and `0.5` are one, `x+1` and `1+x` are
two. So an answer may be right and count as wrong, and never the other way round.
"""

from __future__ import annotations

import re
from fractions import Fraction

_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_DROPPED = re.compile(r"\\(?:left|right|displaystyle|,|!|;|:|quad)(?![a-zA-Z])|\\\s|\^\s*\{?\\circ\}?|\\?[$%]|~")
"""How large brackets are, how wide gaps are, and signs that a number has beside it."""
_TEXT = re.compile(r"\\(?:text|mbox|mathrm|mathbf|textbf)\s*\{([^{}]*)\}")
_SHORT = re.compile(r"\\frac(?:\{([^{}]+)\}|(\w))(?:\{([^{}]+)\}|(\w))")
_OF_NUMBERS = re.compile(r"\\frac\{(\d+)\}\{(\d+)\}")
_ROOT = re.compile(r"\\sqrt(\w)")
_NAMED = re.compile(r"([a-zA-Z])=(.+)")
_RATIO = re.compile(r"(-?\d+)/(\d+)")
_DECIMAL = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)")
_THOUSANDS = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_MOST_DIGITS = 300


def boxed(text: str) -> str | None:
    r"""What the last `\boxed{...}` of a text holds; None where there is none, or it is not closed."""
    last = None
    for match in _BOX.finditer(text):
        last = match
    if last is None:
        return None
    depth = 1
    for place in range(last.end(), len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[last.end() : place].strip()
    return None


def spelled(answer: str) -> str:
    """One spelling of an answer of mathematics."""
    text = _DROPPED.sub("", (boxed(answer) or answer).strip()).strip().rstrip(".")
    text = text.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac").replace("\\cdot", "*")
    text = _TEXT.sub(lambda match: match.group(1).strip(), text)
    # What stands apart stays apart where it would run together: `2 1/2` is not `21/2`.
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"(?<!\w) | (?!\w)", "", text)
    text = _ROOT.sub(r"\\sqrt{\1}", _SHORT.sub(_whole, text))
    if _OF_NUMBERS.fullmatch(text.lstrip("-")):
        text = _OF_NUMBERS.sub(r"\1/\2", text)
    return text.replace(",", "") if _THOUSANDS.fullmatch(text) else text


def _whole(match: re.Match[str]) -> str:
    above, below = match.group(1) or match.group(2), match.group(3) or match.group(4)
    return f"\\frac{{{above}}}{{{below}}}"


def same(one: str, other: str) -> bool:
    """Whether two answers are the same, by their spelling or as numbers; `x=5` is 5, and is not `y=5`."""
    (first_name, first), (second_name, second) = map(_unnamed, (spelled(one), spelled(other)))
    if first_name and second_name and first_name != second_name:
        return False
    if first == second:
        return bool(first)
    numbers = [_number(text) for text in (first, second)]
    return None not in numbers and numbers[0] == numbers[1]


def _unnamed(text: str) -> tuple[str, str]:
    named = _NAMED.fullmatch(text)
    return (named.group(1), named.group(2)) if named else ("", text)


def _number(text: str) -> Fraction | None:
    if len(text) > _MOST_DIGITS:
        return None
    ratio = _RATIO.fullmatch(text)
    if ratio is not None:
        return Fraction(int(ratio.group(1)), int(ratio.group(2))) if int(ratio.group(2)) else None
    return Fraction(text) if _DECIMAL.fullmatch(text) else None
