"""Features of sums, rows of numbers, mathematics and word problems."""

from __future__ import annotations

import re
from itertools import pairwise

from pilotage.agent.chat.features.requests import asks_something
from pilotage.agent.chat.reading import NUMBER, NUMBER_ROW, Message, Part
from pilotage.agent.chat.wording import asking as ask
from pilotage.agent.chat.wording import computing, conditions
from pilotage.agent.tasks.kinds import is_arithmetic

_GAP = re.compile(
    r"(?:\d|\b[a-z])\s{0,3}[,、;]?\s{0,3}(?:[,、;]\s{0,3}\?|__|\.\.\.|\(\s{0,3}\)|\?\s{0,3}[,、])|[,、;]\s{0,3}_"
)
_LETTER_ROW = re.compile(r"\b[a-z](?: ?, ?[a-z]){2,40} ?, ?(?:\?|_|\.\.\.)")
_FUNCTION = re.compile(
    r"\b(?:sqrt|log\d?|ln|sin|cos|tan|gcd|lcm|mod|abs)\s?\(|\\(?:frac|sqrt|int|sum|times|cdot)|√\s?\d"
)
_UNKNOWN = re.compile(r"(?<![a-z])[a-z](?:\^\d|\*\*\d)?\s?[-+*/=]\s?\(?\d|\d\s?[a-z]\s?[-+=]\s?\d{0,9}[a-z](?![a-z])")
_LETTERS = re.compile(r"[^\W\d_x]+(?:'s)?|x(?=[a-z])|(?<=[a-z])x")
_SUM_ALONE = re.compile(r"[\s\d.,()+*^×÷·/%x!=?:-]+")
_OPERATOR = re.compile(r"\d\s?[-+*^×÷·/x!]")
_PLAIN_OPERATOR = re.compile(r"\d\s?[+*^×÷·=]|\d\s{1,3}[-/x]\s{1,3}\d|\d\d\d/\d|!\s?[-+*/]")
_STRONG_OPERATOR = re.compile(r"\d\s?[+*^×÷=]|√|\(")
_TIGHT_SUM = re.compile(r"\d[*+×÷^]\d")
_DATE_OR_NAME = re.compile(r"\d{4}-\d\d?-\d\d?|\d{1,2}/\d{1,2}/\d{2,4}|\d\.\d{1,9}\.\d|24/7|9/11|50/50|16/9")
_PERCENT_OF = re.compile(
    r"%\s?(?:[^\W\d_]{1,12}\s)?(?:auf|sur|sobre|of|off|von|vom|de|del|des|on|less than|more than|的|d')\s?"
    r"(?:a |an |the |my |los |las |le |la )?[$€£¥]?\d"
)
_DIFFERENCE = re.compile(
    r"dif[fe]\w{3,8} (?:between|zwischen|von|entre) [$€£]?\d[\d.,]{0,12} (?:and|und|y|et) [$€£]?\d"
    r"[\d.,]{0,12}\s?(?:\?|$)"
)
_DATED = re.compile(r"\b(?:in|since|im|en|desde|depuis|seit|jahr|ano|annee|as of) $")
_ASKS_VALUE = frozenset(word for phrase in computing.ASKS_VALUE.spoken for word in phrase.split())


def is_sum(message: Message) -> bool:
    """Nothing but numbers and operators, apart from words that ask for their value."""
    text = message.request.text.strip()
    if is_arithmetic(text[:300]):
        return True
    if len(text) > 300 or _DATE_OR_NAME.search(text):
        return False
    words = {word for word in message.request.tokens if word.isalpha() and word != "x"}
    bare = _LETTERS.sub("", text)
    if not (words <= _ASKS_VALUE | ask.POLITE.spoken and _SUM_ALONE.fullmatch(bare)):
        return False
    polite = _STRONG_OPERATOR if words else _PLAIN_OPERATOR
    return (_OPERATOR if words & _ASKS_VALUE else polite).search(bare) is not None


def gives_expression(message: Message) -> bool:
    """A sum, an equation or a function stands in the request, and its value is asked for."""
    request = message.request
    sums = message.has_sum or _is_spoken_sum(request) or _FUNCTION.search(request.text)
    unknown = ("=" in request.text or "^" in request.text) and _UNKNOWN.search(request.text)
    if not (sums or unknown):
        return False
    asked = computing.ASKS_VALUE.among(request) or ask.HOW_MANY.among(request) or "= ?" in request.text
    if asked or len(request.tokens) > 12:
        return asked
    begins = "?" in request.text or request.is_spaceless or ask.WHAT_IS.among(request)
    begins = (
        begins
        or _TIGHT_SUM.search(request.text) is not None
        or any(clause.head[:1] == ["#"] for clause in message.clauses)
    )
    return begins and (_is_spoken_sum(request) or _STRONG_OPERATOR.search(request.text) is not None)


def _is_spoken_sum(request: Part) -> bool:
    """`12 times 13`, in digits or, where the request is short, in words."""
    if computing.SPOKEN_SUM.among(request) or len(request.tokens) > 15:
        return computing.SPOKEN_SUM.among(request)
    words = computing.NUMBER_WORDS.spoken
    return computing.SPOKEN_SUM.among(Part(" ".join("1" if w == "#" or w in words else w for w in request.tokens)))


def goes_on(message: Message) -> bool:
    """A row of numbers or letters with a gap, or with the question what comes next."""
    text = " ".join((message.request.text, *message.quoted))
    row = NUMBER_ROW.search(text)
    if row and (_GAP.search(text, row.end() - 1) or computing.NEXT.among(message.request)):
        return True
    return _LETTER_ROW.search(text) is not None


def compares(message: Message) -> bool:
    """It gives two numbers or offers and asks which is the larger or the cheaper."""
    asking = message.asking
    if not computing.COMPARES.among(asking) or message.request.quantities < 2:
        return False
    return ask.WHO.among(asking) or ask.YES_NO.opens(asking)


def asks_maths(message: Message) -> bool:
    """It names a quantity of mathematics (a prime, a root, a percentage of) and gives the number."""
    request = message.request
    if _PERCENT_OF.search(request.text) or _DIFFERENCE.search(request.text):
        return True
    if not computing.MATHS.among(request) or not any(
        _is_undated(request.text, m) for m in NUMBER.finditer(request.text)
    ):
        return False
    return message.has_row or asks_something(message)


def _is_undated(text: str, number: re.Match[str]) -> bool:
    return not _DATED.search(text[max(0, number.start() - 8) : number.start()])


def measures_exactly(message: Message) -> bool:
    """It asks for an exact quantity made of others: the puzzle of the jugs."""
    whole = message.request
    return computing.EXACTLY.among(whole) and whole.quantities >= 3 and "?" in whole.text


def is_word_problem(message: Message) -> bool:
    """It gives two quantities at least and asks what they come to: a count, or an amount that they determine."""
    whole, asking = message.request, message.asking
    how_many = ask.HOW_MANY.among(asking)
    relation = computing.RELATION.among(whole)
    if whole.quantities + relation < 2 and not (whole.quantities and how_many):
        return False
    asked = _asked(asking)
    behind = _behind_question(asked)
    given = whole.quantities - sum(word == "#" or word in computing.NUMBER_WORDS.spoken for word in behind)
    given += relation and not computing.RELATION.among(asked)
    rates = computing.RATE.among(whole)
    if how_many:
        others = [s for s in message.sentences if s is not asking and s.quantities]
        told = bool(others) and not any(ask.PERSONAL.among(s) for s in others)
        return whole.quantities >= 2 or told or (given >= 1 and relation)
    amount = computing.AMOUNT.among(asking) and (asking.is_question or ask.WHAT_IS.among(asking))
    if amount or ask.HOW_MUCH.among(asking):
        return given >= 1 or rates or computing.IF.among(asking)
    if ask.READER.among(asking) or asked.tokens[-1:] in (["difference"], ["unterschied"], ["diferencia"]):
        return False
    if conditions.CONTINUES.at(asking.tokens) and asking.is_question and whole.quantities > asking.quantities > 0:
        return True
    if asking.is_question and len(asking.tokens) <= 3 and given >= 2 and _measured(whole) >= 2:  # `420 miles ... mpg?`
        return not ask.YES_NO.at(asking.tokens)
    plainly = asking.is_question or (asked.text == message.clauses[-1].text and len(asked.tokens) >= 4)
    what = (ask.WHAT_IS.among(asking) or ask.WHO.among(asked)) and "what a" not in asked.grams
    return plainly and what and given >= (1 if rates else 2)


def _asked(asking: Part) -> Part:
    """The last clause of a sentence that says what is asked for."""
    for tables in ((ask.HOW_MANY, ask.HOW_MUCH, computing.AMOUNT), (ask.WHAT_IS,)):
        for clause in reversed(asking.clauses):
            if any(table.among(clause) for table in tables):
                return clause
    return asking


def _behind_question(clause: Part) -> list[str]:
    """Tokens of a clause from its question word on; all of them where it has none."""
    if not any(table.among(clause) for table in (ask.HOW_MANY, ask.HOW_MUCH, ask.WHAT_IS)):
        return clause.tokens
    for place in range(len(clause.tokens)):
        words = clause.tokens[place : place + 3]
        if any(table.at(words) for table in (ask.HOW_MANY, ask.HOW_MUCH, ask.WHAT_IS)):
            return clause.tokens[place:]
    return clause.tokens


def _measured(part: Part) -> int:
    """How many numbers have a unit."""
    units = computing.MEASURES.spoken | computing.TIME_UNITS.spoken
    return sum(a == "#" and b in units for a, b in pairwise(part.tokens))
