"""Features of questions about units, dates and times."""

from __future__ import annotations

import re

from pilotage.agent.chat.features.requests import asks_something
from pilotage.agent.chat.reading import NUMBER, Message, Part
from pilotage.agent.chat.wording import asking as ask
from pilotage.agent.chat.wording import computing

_DATE = re.compile(r"\d{4}[-/.]\d\d?[-/.]\d\d?|\d\d?[-/.]\d\d?[-/.]\d{2,4}|\d\d?\.\d\d?\.|\d月|\d:\d\d|\dh\d\d")
_CONVERTED_TIME = frozenset(("what is #", "what s #", "whats #"))
_FEET = re.compile(r"\d\s?'\s?\d")
_UNITS = computing.MEASURES.spoken | computing.TIME_UNITS.spoken
_UNITS_IN_HAN = (*computing.MEASURES.spaceless, *computing.TIME_UNITS.spaceless)
_EQUALS_IN_HAN = ("等于", "是多少", "换算", "合", "转换", "有多少")
_INTO = computing.INTO.spoken | {"="}
_OF_UNITS = frozenset("square cubic us fluid quadrat metric".split())
_COUNTED = frozenset("# ° degrees grados grad degres sq square".split())


def converts(message: Message) -> bool:
    """One unit is asked for in terms of another: `5 miles in km`, `how many ounces in 2 pounds`."""
    whole = message.request
    if len(whole.tokens) <= 12 and _FEET.search(whole.text) and computing.MEASURES.among(whole):
        return True
    for sentence in message.sentences:
        places = [place for place, word in enumerate(sentence.tokens) if word in _UNITS]
        if _given_into(sentence, places) and (asks_something(message) or len(sentence.tokens) <= 10):
            return True
        if _asked_of(sentence, places) or _in_han(sentence):
            return True
    return False


def _given_into(sentence: Part, places: list[int]) -> bool:
    """`5 miles in km`: a number with a unit, and shortly behind it `in` and another unit."""
    words = sentence.tokens
    for place in places:
        if place and words[place - 1] in _COUNTED:
            for later in (p for p in places if place < p <= place + 6 and words[p] != words[place]):
                if words[later - 1] in _INTO or (words[later - 1] in _OF_UNITS and words[later - 2] in _INTO):
                    return True
    return False


def _asked_of(sentence: Part, places: list[int]) -> bool:
    """`how many seconds are in 3 weeks`: a unit is counted, and another one stands before it or is linked to it."""
    words = sentence.tokens
    for first in places:
        asked = (" ".join(words[first - n : first]) for n in (1, 2) if first >= n)
        if any(phrase in ask.HOW_MANY.spoken or phrase in ask.HOW_MUCH.spoken for phrase in asked):
            if any(p and words[p - 1] == "#" and words[p] != words[first] for p in places if p < first):
                return True
            for later in (p for p in places if p > first and words[p] != words[first]):
                if computing.LINK.spoken.issuperset(words[first + 1 : later]):
                    return True
    return False


def _in_han(sentence: Part) -> bool:
    if not sentence.is_spaceless or not ask.HOW_MANY.among(sentence):
        return False
    units = sum(unit in sentence.text for unit in _UNITS_IN_HAN)
    return units >= 2 and any(word in sentence.text for word in _EQUALS_IN_HAN)


def asks_date(message: Message) -> bool:
    """It gives a date, a clock time or a duration and asks for a weekday, another time, or what lies between."""
    whole, asking = message.request, message.asking
    on_clock = _DATE.search(whole.text) is not None or computing.CLOCK.among(whole)
    dated = on_clock or computing.MONTHS.among(whole)
    timed = dated or (whole.quantities > 0 and computing.TIME_UNITS.among(whole))
    days = computing.WEEKDAYS.count(whole)
    if computing.WEEKDAY_NAMED.among(whole) and "#" in whole.tokens and asks_something(message):
        return True
    if computing.WEEKDAY_ASKED.among(whole) and (
        (whole.quantities and timed) or days >= (2 if computing.IF.among(whole) else 3)
    ):
        return True
    if (dated or days) and _moves(whole.tokens) and asks_something(message):
        return True
    if timed and "long is #" in asking.grams:
        return True
    if dated and (computing.THAT_IN.among(asking) or not _CONVERTED_TIME.isdisjoint(asking.grams)):
        return True
    if computing.DATE_ASKED.among(asking) and whole.quantities:
        if on_clock or (timed and computing.SPAN.among(whole)):
            return True
    leads = asking.is_question or asking.is_spaceless or any(map(computing.TIME_AS_QUANTITY.opens, message.clauses))
    if not (leads and computing.TIME_AS_QUANTITY.among(whole)):
        return False
    points = len(NUMBER.findall(whole.text)) + computing.MONTHS.count(whole)
    if points >= 2 and (dated or whole.quantities >= 2 or computing.SPAN.among(whole)):
        return True
    return dated and computing.SPAN.among(asking) and computing.TIME_UNITS.among(asking)


def _moves(words: list[str]) -> bool:
    """`2 weeks from`: a duration that is set against another time."""
    triples = zip(words, words[1:], words[2:], strict=False)
    return any(a == "#" and b in computing.TIME_UNITS.spoken and c in computing.SPAN.spoken for a, b, c in triples)
