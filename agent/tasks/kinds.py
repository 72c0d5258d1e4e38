"""Kinds: what sort of answer a bare question wants. What is in doubt is `open`: the reply itself is the answer.

Taking a problem for open costs little, since the model still solves it in its own words; taking a request for prose
for a problem loses the reply. So a question is numeric only where its form says so: it is nothing but arithmetic, or
it is one paragraph that gives quantities and ends by asking for another one. Words tell at certain places alone: at
the head of the clause that asks.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from pydantic import ValidationError

from pilotage.agent.errors import UsageError
from pilotage.agent.task import Kind, Task
from pilotage.common.faults import first_fault
from pilotage.common.text import carriable

_NUMBER = r"[$€£¥]?\d[\d,]*(?:\.\d+)?%?"
_SPOKEN = r"times|plus|minus|divided by|multiplied by|modulo|mod|to the power of|(?:percent )?of"
_OPERATION = rf"(?:\s*[*+^×·÷%]\s*|\s*\*\*\s*|(?<=\d)\s?x\s?(?=\d)|\s+x\s+|\s+[-−–/:]\s+|\s+(?:{_SPOKEN})\s+)"
_OPERAND = rf"\(*-?{_NUMBER}(?:\s?/\s?\d+(?=\s+of\b))?\)*"
_ASKED = (
    r"(?:what(?:[’']s| is| are| does)|how much (?:is|are)|calculate|compute|evaluate|combien (?:font|fait)"
    r"|(?:was|wie ?viel) (?:ist|sind|ergibt)|cu[aá]nto (?:es|son)|quanto (?:fa|fanno|é)|hoeveel is"
    r"|ile to(?: jest)?|сколько будет)\s+"
)
_ARITHMETIC = re.compile(rf"(?:{_ASKED})?{_OPERAND}(?:{_OPERATION}{_OPERAND})+\s*(?:=\s*)?[?.]?", re.I)
"""Numbers joined by operations and nothing else, but for the words that ask for their value.

Behind any other word they may be anything: `Explain 2 + 2`, `May 5 - 9`, `Apollo 11 - 12`.
"""
_PART_OF = re.compile(r"\d[\d,]*\s+of\s", re.I)
"""`2 of 3`, where neither a percentage nor a fraction stands before `of`: a place in a row."""
_MEASURE = r"\d[\d,]*(?:\.\d+)?\s?[a-zµ]{1,2}"
_MEASURES = re.compile(rf"(?:{_ASKED})?{_MEASURE}(?:\s\+\s{_MEASURE})+\s*(?:=\s*)?[?.]?", re.I)
_BARE = re.compile(
    r"(?!.*\d\.\d+\.\d)(?=.*\d\s*(?:[*+^×·÷]|\s[-−/]\s|[-−/].*=))[\s\d.,()*+^×·÷/%−-]+(?:=\s*)?\??", re.S
)
"""Digits and operators alone, written as tightly as one likes; but `2024-05-06`, `16/9` and
`10.0.0.1 - 10.0.0.9` are dates, names and addresses."""
_DATE = re.compile(r"\b(?:\d{4}([-/.])\d\d?\1\d\d?|\d\d?([-/.])\d\d?\2\d{4})\b")
_QUANTITY = re.compile(
    rf"(?<![\w.-])-?{_NUMBER}(?:/\d+)?(?!\w*-\w|[.]\d)(?:[a-z]{{1,3}}\b)?(?!\w)"
    r"|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|hundred|dozen"
    r"|half|twice|double|triple|third|quarter)\b",
    re.I,
)
_CLAUSE = r"(?:^|,\s+(?:and\s+|then\s+)?)(?:together,?\s+|in total,?\s+)?"
_COUNT = re.compile(rf"{_CLAUSE}how many\b", re.I)
_AMOUNT = re.compile(
    rf"{_CLAUSE}(?:how (?:much|far|long|old|tall|fast|heavy|wide|deep)\b"
    r"|(?:what(?:[’']s| is| was| are| were| will be| would be)|calculate|compute|find)"
    r"(?: [\w’']+){0,3}? (?:total|sum|average|number|product|remainder|percentage|probability|fraction|price|costs?"
    r"|profit|revenue|balance|amount|ages?|weight|speed|distance|area|volume|perimeter)\b"
    r"|what (?:percentage|fraction)\b|what(?:[’']s| is| will be) the \w+ (?:now|then|in the end|at the end)\b)",
    re.I,
)
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+(?=[^\W\d_]|[\"'$\d])")
_MATERIAL = re.compile(r"\n|```|:\s|[\"“”«»„。！？：；؟]|(?<!\w)['‘][^'’]+\s[^'’]+['’](?!\w)")
"""What sets text to work on apart from the request itself: lines, code, a colon, quotes; or another script's stops."""

_TO_THE_READER = re.compile(r"\b(?:you|your|me|us|please)\b", re.I)
_TO_THE_WORLD = re.compile(r"\b(?:should (?:i|we)|(?:can|could|would|should|may|must) an?)\b", re.I)
"""Asks for advice, or of anybody: `How many hours should I study?`, `How much can a man bear?`."""
_REQUEST = re.compile(
    r"(?!(?:all|both|each|every|from|for|to|of|in|on|at|by|with|after|before|if|when|while|as|and|but|so|over|under|out"
    r"|among|during|until|between|there|here|what|how)\b)[^\W\d_]+\s(?-i:the|an?|this|that|these|those|my|our|it|to|into"
    r"|for|about|as|how)\b",
    re.I,
)
"""A sentence that begins with a verb and its object: `Translate the ...`, `Turn this into ...`."""
_WORD = re.compile(r"[^\W\d_]+")
_COMMON = frozenset(
    "the a an of and to in is has have had for on at with his her he she it that if there are was were from by each "
    "per they their as be than more will can all".split()
)


def as_task(given: Any) -> Task:
    """A task as a caller gives it: a `Task`, one as a dictionary, or a bare question, whose id is a hash of its text.

    Raises:
        UsageError: it is none, or the question is empty.
    """
    if isinstance(given, str):
        text = carriable(given)
        if not text.strip():
            raise UsageError("the question is empty: give one with some text")
        name = "question-" + hashlib.sha256(text.encode()).hexdigest()[:8]
        return Task(id=name, prompt=text, kind=infer_kind(text), inferred=True)
    try:
        return Task.model_validate(given)
    except ValidationError as error:
        fault = first_fault(error)
        what = f"{fault.place or 'task'}: {fault.reason}"
        raise UsageError(f"`task` is no task ({what}): give a question as text, or a Task") from None


def infer_kind(prompt: str) -> Kind:
    """Kind of a bare question: `numeric` where its form leaves no doubt, else `open`."""
    text = prompt.strip()
    return "numeric" if is_arithmetic(text) or is_word_problem(text) else "open"


def is_arithmetic(text: str) -> bool:
    """Whether a text is a sum and nothing else: `6*7`, `(3 + 4) * 2 = ?`, `What is 6 times 7?`."""
    if len(text) > 200 or _DATE.search(text) or (_PART_OF.search(text) and not re.search(r"[%/]|percent", text)):
        return False
    return any(form.fullmatch(text) for form in (_BARE, _ARITHMETIC, _MEASURES))


def is_word_problem(text: str) -> bool:
    """Whether a text gives at least two quantities and its last sentence asks for another.

    A count may be asked for in the sentence that gives them. An amount (`how much`, `what is`) may as well be one of
    love, or of difference: it counts only behind sentences or clauses that give quantities.
    """
    *before, last = _SENTENCE_END.split(text)
    if _MATERIAL.search(text) or _TO_THE_READER.search(text) or any(map(_is_request, before)):
        return False
    if len(_QUANTITY.findall(text)) < 2:
        return False
    if _TO_THE_WORLD.search(last):
        return False
    asks = _COUNT.search(last)
    if asks and last.endswith("?"):
        return True
    asks = asks or _AMOUNT.search(last)
    given = " ".join(before) + " " + last[: asks.start()] if asks else ""
    return len(_QUANTITY.findall(given)) >= 2


def _is_request(sentence: str) -> bool:
    """Whether a sentence ahead of the last one may ask for something: then that one is only material.

    It asks, or tells someone to do something, or gives no quantity in a language that the rest is not in.
    """
    if sentence.endswith("?") or _REQUEST.match(sentence):
        return True
    words = {word.casefold() for word in _WORD.findall(sentence)}
    return len(words) >= 4 and not words & _COMMON and not _QUANTITY.search(sentence)
