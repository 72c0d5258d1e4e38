"""Features of puzzles: premises, and a question that they decide."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pilotage.agent.chat.features.requests import operates
from pilotage.agent.chat.reading import Message, Part
from pilotage.agent.chat.wording import asking as ask
from pilotage.agent.chat.wording import computing, conditions

_COMPARISON = re.compile(
    r"\b\w{2,20}er (?:than|als)\b|\b(?:more|less) \w{2,20} than\b|\b(?:mas|menos|plus|moins) \w{2,20} qu[e ]"
    r"|比\w{1,8}?[高矮大小快慢重轻早晚老多少长短]"
)
_KIN_ASKED = re.compile(r"\bis \w{1,20} to \w{1,20}\s?\?")
_CONTENT = re.compile(r"[^\W\d_]{3,}")
_FUNCTION_WORDS = frozenset.union(
    *(table.spoken for table in (computing.LINK, conditions.QUANTIFIER, ask.YES_NO, ask.WHO, ask.PERSONAL)),
    "the and der die das und los las les des que for with does".split(),
)


def asks_logic(message: Message) -> bool:
    """It gives two premises at least and asks who, which, or whether something follows from them."""
    whole, asking = message.request, message.asking
    others: Sequence[Part] = [s for s in message.sentences if s is not asking]
    if not others and asking.clauses:
        *others, asking = asking.clauses
    concludes = conditions.CONCLUDES.among(whole)
    who = ask.WHO.among(asking)
    yes_no = concludes or (not who and "?" in asking.text) or ask.YES_NO.opens(asking)
    asks = "?" in whole.text or concludes or operates(asking) or len(whole.tokens) <= 40
    if conditions.PUZZLE.among(whole) and len(message.sentences) >= 3:
        return True
    if not (asks and (who or yes_no)):
        return False
    if _orders(message, bool(others)) or _turns(whole, asking) or _is_kinship(message):
        return True
    return _is_decided(asking, others, who=who, yes_no=yes_no, concludes=concludes)


def _orders(message: Message, has_premises: bool) -> bool:
    """Two comparisons: `Ann is taller than Ben, Ben is taller than Cid`."""
    return has_premises and len(_COMPARISON.findall(message.request.text)) >= 2


def _turns(whole: Part, asking: Part) -> bool:
    """Three directions, or two and the question for a third."""
    return conditions.TURNS.count(whole) >= 3 - conditions.DIRECTION_ASKED.among(asking)


def _is_kinship(message: Message) -> bool:
    """Three relatives of nobody here, and the question who somebody is to another."""
    whole = message.request
    if ask.PERSONAL.among(whole) or not (conditions.RELATED.among(whole) or _KIN_ASKED.search(whole.text)):
        return False
    return conditions.KIN.count(Part(" ".join((whole.text, *message.quoted)))) >= 3


def _is_decided(asking: Part, others: Sequence[Part], *, who: bool, yes_no: bool, concludes: bool) -> bool:
    """Premises about nobody here name what the question asks about."""
    told = [s for s in others if not ask.PERSONAL.among(s)]
    told = [s for s in told if conditions.CONSTRAINT.among(s) or not ask.READER.among(s)]
    premises = sum(map(_is_premise, told))
    quantifiers = sum(map(conditions.QUANTIFIER.count, told))
    if premises >= 2 and len(told) >= 2 and (who or quantifiers or shares(asking, others, 1)):
        return True
    if sum(map(conditions.CONSTRAINT.count, told)) >= 2 and (who or shares(asking, others)):
        return True
    if (concludes and premises + quantifiers >= 2) or (who and _is_chain(asking, others)):
        return True
    if not yes_no or quantifiers + (len(told) >= 2) < 2:
        return False
    supposed = any(computing.IF.opens(s) for s in told)
    return shares(asking, others, 1 if supposed else 2) or (supposed and quantifiers >= 2)


def _is_premise(sentence: Part) -> bool:
    tables = (conditions.CONSTRAINT, conditions.NEGATION, conditions.COMPARATIVE)
    if any(table.among(sentence) for table in tables) or conditions.QUANTIFIER.opens(sentence):
        return True
    return _COMPARISON.search(sentence.text) is not None


def _is_chain(asking: Part, others: Sequence[Part]) -> bool:
    """Short statements about nobody here, each of which names something of another, as the question does."""
    if not 2 <= len(others) <= 12 or any(len(s.tokens) > 15 or "?" in s.text for s in others):
        return False
    if any(ask.PERSONAL.among(s) or ask.READER.among(s) for s in others):
        return False
    linked = (any(shares(a, [b], 1) for b in (*others, asking) if b is not a) for a in others)
    return shares(asking, others, 1) and all(linked)


def shares(asking: Part, others: Iterable[Part], least: int = 2) -> bool:
    """Whether it is about so many things that others name, by the first letters of words; in Chinese it is."""
    others = list(others)
    named = {stem for other in others for stem in _stems(other)}
    return len(named & _stems(asking)) >= least or any(other.is_spaceless for other in others)


def _stems(part: Part) -> set[str]:
    return {word.rstrip("s")[:4] for word in _CONTENT.findall(part.text) if word not in _FUNCTION_WORDS}
