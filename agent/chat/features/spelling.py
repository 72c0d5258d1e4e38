"""Features of questions about letters, words and lists."""

from __future__ import annotations

import re
from itertools import pairwise

from pilotage.agent.chat.features.requests import LETTERS, asks_amount, asks_meaning, operand
from pilotage.agent.chat.reading import QUOTED, Message, Part
from pilotage.agent.chat.wording import asking as ask
from pilotage.agent.chat.wording import computing, strings

_LETTER_IN_HAN = re.compile(r"[几多少]个?(?:字母)?\s?[a-z](?![a-z])")


def only_spelling(message: Message) -> bool:
    """A short request to spell something backwards or in another order, with what to spell."""
    if asks_meaning(message) or len(message.request.tokens) > 40:
        return False
    for sentence in message.sentences:
        if strings.SPELLING.among(sentence):
            if QUOTED in sentence.tokens or ":" in sentence.text:
                return not (sentence.is_spaceless and ask.PROSE_ANYWHERE.among(sentence))
            return len(sentence.tokens) <= 8 and any(t.opens(sentence) for t in (strings.OPERATION, ask.YES_NO))
    return False


def counts_letters(message: Message) -> bool:
    """It asks how often something stands in a word or text that it gives, or what stands at a place of it."""
    return any(_counts(message, sentence) or _takes(message, sentence) for sentence in message.sentences)


def _counts(message: Message, sentence: Part) -> bool:
    if _counted_letter(sentence) or _LETTER_IN_HAN.search(sentence.text):
        return True
    if not strings.COUNTS_LETTERS.among(sentence) or strings.NOT_LETTERS.among(sentence):
        return False
    if QUOTED in message.request.tokens:
        return asks_amount(sentence) or ask.WHAT_IS.among(sentence) or ask.YES_NO.at(sentence.tokens)
    return ask.HOW_MANY.among(sentence)


def _counted_letter(sentence: Part) -> bool:
    """`how many r's`, `wie viele "n"`: the thing counted is a letter alone or a quotation."""
    words = sentence.tokens
    for place in range(2, len(words)):
        letter = words[place] == QUOTED or (len(words[place]) == 1 and words[place].isalpha())
        if letter and f"{words[place - 2]} {words[place - 1]}" in ask.HOW_MANY.spoken:
            return True
    return any(a in ("cuantas", "cuantos", "wieviele") and len(b) == 1 and b.isalpha() for a, b in pairwise(words))


def _takes(message: Message, sentence: Part) -> bool:
    words = sentence.tokens
    if strings.NOT_LETTERS.among(sentence) and not strings.WHICH_LETTER.among(sentence):
        return False
    if strings.WHICH_LETTER.among(sentence) and ("#" in words or message.quoted or not LETTERS.isdisjoint(words)):
        return True
    if sentence.is_spaceless:
        placed = strings.ORDINAL.among(sentence) and strings.ITEM.among(sentence)
    else:
        ordinals = (place for place in range(len(words)) if strings.ORDINAL.at(words[place : place + 2]))
        placed = any(not strings.ITEM.spoken.isdisjoint(words[place + 1 : place + 6]) for place in ordinals)
    return placed and operand(message, sentence)


def picks_from_list(message: Message) -> bool:
    """It asks for one or some of given numbers or words by a criterion: the largest, the even ones, the longest."""
    whole = message.request
    if not any(table.among(whole) for table in (ask.WHO, ask.WHAT_IS, ask.HOW_MANY)):
        return False
    if "?" not in whole.text and len(whole.tokens) > 60:
        return False
    criteria = (computing.COMPARES, strings.CRITERION, computing.MATHS)
    if message.has_row and any(table.among(whole) for table in criteria):
        return True
    return (
        bool(message.quoted or message.has_list)
        and strings.SPELLED.among(whole)
        and not strings.NOT_LETTERS.among(whole)
    )
