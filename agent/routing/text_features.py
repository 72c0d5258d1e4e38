"""Wording: what a task's text looks like, in a dozen numbers that cost no model call.

Which block wins is decided largely by what kind of task it is, and before the first block nothing else is known.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache

from pilotage.navigator.spaces import Feature

MOST = 32
NUMBER = re.compile(r"\d+(?:\.\d+)?")
QUOTED = re.compile(r"(?<!\w)'[^'\n]+'(?!\w)|\"[^\"\n]+\"|`[^`\n]+`|“[^”\n]+”")
WORD = re.compile(r"[^\W\d_]+")
SENTENCE_END = re.compile(r"[.?!](?:\s|$)")
SYMBOL = re.compile(r"[-+*/^=<>()\[\]{}|&~%∧∨¬→↔]")
COUNTING = re.compile(r"\b(?:how (?:many|much)|count|number of)\b", re.IGNORECASE)
YES_OR_NO = re.compile(r"\b(?:yes|true)\b.{1,20}\b(?:no|false)\b", re.IGNORECASE | re.DOTALL)
LOGIC = frozenset("if then or and not all some no every either neither unless therefore implies".split())

FEATURES = (
    Feature("prompt_length", 0, 12, "natural logarithm of 1 + the task's characters"),
    Feature("lines", 0, MOST, "lines of the task's text"),
    Feature("sentences", 0, MOST, "sentences in it"),
    Feature("numbers", 0, 64, "numbers in it"),
    Feature("longest_number", 0, MOST, "characters of the longest number"),
    Feature("longest_word", 0, MOST, "letters of the longest word"),
    Feature("quoted", 0, 8, "quoted pieces of text, which are often what to work on"),
    Feature("commas", 0, MOST, "commas, many of which mean a list"),
    Feature("digit_share", 0, 1, "share of digits among its characters but for spaces"),
    Feature("symbol_share", 0, 1, "share of brackets and operators among them"),
    Feature("capital_share", 0, 1, "share of capitals among its letters"),
    Feature("logic_share", 0, 1, "share of words such as if, or, not, all among its words"),
    Feature("counting", 0, 1, "1 if it asks how many or how much"),
    Feature("yes_or_no", 0, 1, "1 if it offers yes and no, or true and false"),
)


@lru_cache(maxsize=64)  # of a run, asked before each of its steps
def wording(prompt: str) -> dict[str, float]:
    """Named values of `FEATURES` for a task's text; those without an upper limit are clipped by the spec."""
    numbers, words = NUMBER.findall(prompt), WORD.findall(prompt)
    solid, letters = "".join(prompt.split()), "".join(words)
    return {
        "prompt_length": math.log1p(len(prompt)),
        "lines": len(prompt.splitlines()),
        "sentences": len(SENTENCE_END.findall(prompt)),
        "numbers": len(numbers),
        "longest_number": max(map(len, numbers), default=0),
        "longest_word": max(map(len, words), default=0),
        "quoted": len(QUOTED.findall(prompt)),
        "commas": prompt.count(","),
        "digit_share": _share(sum(map(str.isdigit, solid)), solid),
        "symbol_share": _share(len(SYMBOL.findall(solid)), solid),
        "capital_share": _share(sum(map(str.isupper, letters)), letters),
        "logic_share": _share(sum(word.lower() in LOGIC for word in words), words),
        "counting": float(COUNTING.search(prompt) is not None),
        "yes_or_no": float(YES_OR_NO.search(prompt) is not None),
    }


def _share(part: int, whole: str | list[str]) -> float:
    return part / len(whole) if whole else 0.0
