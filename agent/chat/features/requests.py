"""What a message wants of its reader: a text, a meaning, advice, code, or work on what it gives."""

from __future__ import annotations

import re
from itertools import pairwise

from pilotage.agent.chat.reading import CODE, Message, Part
from pilotage.agent.chat.wording import asking as ask
from pilotage.agent.chat.wording import computing, conditions, strings

LETTERS = frozenset("bcfghjklnopqrvwxz")
"""Letters that are no word, article or ending of their own when they stand alone."""

_WORD_NAMED = frozenset("word string wort palabra mot".split())
_NO_NAME = frozenset("s is in of for from to with and or the a by limit count de en der des aus".split())


def operates(clause: Part) -> bool:
    """Whether a clause begins with an operation: sort, count, calculate, convert."""
    return any(table.opens(clause) for table in (strings.OPERATION, strings.MECHANICAL, strings.CALCULATES))


def asks_something(message: Message) -> bool:
    """It asks, tells its reader to do something, or is too short to be anything else."""
    whole = message.request
    if "?" in whole.text or len(whole.tokens) <= 12 or ask.WHAT_IS.among(whole) or ask.HOW_MANY.among(whole):
        return True
    return any(operates(clause) for clause in message.clauses)


def asks_amount(part: Part) -> bool:
    """It asks how many or how much."""
    return ask.HOW_MANY.among(part) or ask.HOW_MUCH.among(part)


def asks_for_prose(message: Message) -> bool:
    """The first request in it is for a text: to write, translate, summarise, rewrite or suggest something."""
    for place, clause in enumerate(message.clauses):
        words = clause.head
        addressed = clause.is_spaceless or ask.ADDRESSED.among(clause)
        if ask.PROSE.opens(clause) or (addressed and ask.PROSE_ANYWHERE.among(clause)):
            number = words[1:2] == ["#"] and words[2:3] in (
                ["in"],
                ["as"],
                ["als"],
                ["en"],
            )  # `write 0.5 as a fraction`
            if not (number or (place and ask.ANSWER_FORM.among(clause))):
                return True
        elif _into_language(clause, place == 0) or (place == 0 and ask.EXPLAIN.opens(clause)):
            return True
        elif operates(clause) and works(message, clause):
            return False
    return False


def _into_language(clause: Part, is_first: bool) -> bool:
    """Whether it names a language to put something into: `into French please`, `German: ...`, `Spanish for ...`."""
    words = clause.tokens
    if strings.CRITERION.among(clause):
        return False
    if clause.is_spaceless:
        return ask.LANGUAGES.among(clause)
    if not 0 < len(words) <= 12:
        return False
    if is_first and words[0] in ask.LANGUAGES.spoken and (len(words) == 1 or words[1] == "for"):
        return True
    return any(b in ask.LANGUAGES.spoken and a in ask.INTO_LANGUAGE for a, b in pairwise(words))


def asks_meaning(message: Message) -> bool:
    """It asks what something means, or how it is said in another language."""
    said = message.request.grams
    return ask.MEANING.among(message.request) or ("mean" in said and ("what does" in said or "what do" in said))


def asks_advice(message: Message) -> bool:
    """What it asks is a way, a reason, an opinion or what to do; an amount made of rates is none of these."""
    asking = message.asking
    amount = asks_amount(asking) and message.request.quantities >= 2
    if ask.WAY.among(asking) and not (amount or ask.SUMS.among(asking)):
        return True
    rates = "%" in asking.tokens or "each" in asking.tokens
    return ask.ADVICE.among(asking) and not (amount and rates)


def traces_code(message: Message) -> bool:
    """Code is given, and what it prints, returns or comes to is asked for, not a change or an explanation of it."""
    request = message.request
    if not message.code or conditions.WORK_ON_CODE.among(request):
        return False
    what = ask.WHAT_IS.among(request)
    if not (what or "?" in request.text or len(request.tokens) <= 12):
        return False
    if conditions.OUTPUT.among(request) or re.search(r"(?:->|//|#|=) ?\?", request.text):
        return True
    return what and not conditions.EXPLAINS.among(request)


def gives_code(message: Message) -> bool:
    """Code is given."""
    return bool(message.code) or CODE in message.request.tokens


def operand(message: Message, clause: Part) -> bool:
    """What a request works on is given: set apart in the message, or named as `the word ...` in the clause."""
    named = (a in _WORD_NAMED and b not in _NO_NAME for a, b in pairwise(clause.tokens))
    return message.has_material or any(named)


def works(message: Message, clause: Part) -> bool:
    """Whether an operation that a clause names can be done by rule: with an operand and a criterion, or on numbers."""
    whole = message.request
    if ask.VAGUE.among(clause):
        return False
    if message.has_row:
        return True
    criterion = strings.CRITERION.among(whole) or not LETTERS.isdisjoint(clause.tokens)
    prose = ask.TEXT.among(clause)
    if (criterion or strings.MECHANICAL.opens(clause)) and operand(message, clause):
        return criterion or not prose
    if prose:
        return False
    if strings.CALCULATES.opens(clause) and whole.quantities >= 2:
        return True
    return whole.quantities >= 1 and (computing.MATHS.among(whole) or message.has_sum)


def works_on_given(message: Message) -> bool:
    """A clause begins with an operation (sort, count, convert) that can be done by rule on what is given."""
    return any((operates(c) or c.is_spaceless) and works(message, c) for c in message.clauses)
