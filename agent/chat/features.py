"""What a message gives and what it asks for: each feature of the wording that `first_decision` decides by.

A feature is a function of one `Message`; none knows of another message, and none calls a model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from pilotage.agent.chat import wording as say
from pilotage.agent.chat.reading import CODE, QUOTED, Message, Part, clauses_of
from pilotage.agent.tasks.kinds import is_arithmetic

_NUMBER = re.compile(r"(?<![a-z_#])([$€£¥]?)(\d+(?:[.,:]\d+)*)(?!\d)")
_YEAR_BEFORE = re.compile(
    r"(?:\b(?:in|since|of|from|to|until|by|the|and|en|de|del|desde|depuis|seit|von|bis|im|jahr|ano|annee)|-)\s?$"
)
_DATED = re.compile(r"\b(?:in|since|im|en|desde|depuis|seit|jahr|ano|annee|as of) $")
_HAN_COUNT = re.compile(r"[二两三四五六七八九十百千半]+[个只条本元块岁人天位名张次倍辆支颗箱小分台班组]")
_HAN_SINGLE_LETTER = re.compile(r"[几多少]个?(?:字母)?\s?[a-z](?![a-z])")
_ROW = re.compile(r"-?\d+(?:\.\d+)?(?:\s{0,3}[,、;]\s{0,3}-?\d+(?:\.\d+)?){2,}")
_GAP = re.compile(
    r"(?:\d|\b[a-z])\s{0,3}[,、;]?\s{0,3}(?:[,、;]\s{0,3}\?|__|\.\.\.|\(\s{0,3}\)|\?\s{0,3}[,、])|[,、;]\s{0,3}_"
)
_LETTER_ROW = re.compile(r"\b[a-z]\s?(?:,\s?[a-z]\s?){2,},\s?(?:\?|_|\.\.\.)")
_SUM = re.compile(
    r"\d\s?%?\)?\s{0,3}(?:\*\*?|[+×÷^·]|\s[-/x]\s)\s{0,3}[-(]{0,3}\d|\d\s?[*^]\s?[a-z(]|0x[0-9a-f]+ ?[-+*<>&|^]"
)
_CALLED = re.compile(r"\b(?:sqrt|log\d*|ln|sin|cos|tan|gcd|lcm|mod|abs)\s?\(|\\(?:frac|sqrt|int|sum|times|cdot)|√\s?\d")
_UNKNOWN = re.compile(
    r"(?<![a-z])\d*\s?\*?\s?[a-z](?:\^\d|\*\*\d)?\s?[-+*/=]\s?\(?\d|\d\s?[a-z]\s?[-+=]\s?\d*[a-z](?![a-z])"
)
_ONLY_SUM = re.compile(r"[\s\d.,()+*^×÷·/%x!=?:-]+")
_DATE_OR_NAME = re.compile(r"\d{4}-\d\d?-\d\d?|\d{1,2}/\d{1,2}/\d{2,4}|\d+\.\d+\.\d+|24/7|9/11|50/50|16/9")
_PERCENT_OF = re.compile(
    r"%\s?(?:of|off|von|vom|de|del|des|on|tip on|的|d')\s?(?:a |an |the |my |los |las |le |la )?[$€£¥]?\d"
)
_SWORN = re.compile(
    r"\b\w{2,20}er (?:than|als)\b|\b(?:more|less) \w{2,20} than\b|\b(?:mas|menos|plus|moins) \w{2,20} qu[e ]|比\w{1,8}?[高矮大小快慢重轻早晚老多少长短]"
)
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d月|\d{1,2}:\d\d|\d{1,2}h\d\d")
_CONTENT = re.compile(r"[^\W\d_]{3,}")
_FUNCTION_WORDS = frozenset.union(
    *(table.spoken for table in (say.LINK, say.QUANTIFIER, say.YES_NO, say.WHO, say.PERSONAL)),
    "the and der die das und los las les des que for with does".split(),
)


def quantities(text: str) -> int:
    """How many numbers a normalised text gives that are no year and no ordinal, in digits or in words."""
    found = 0
    for match in _NUMBER.finditer(text):
        after = text[match.end() : match.end() + 2]
        found += not (after in ("st", "nd", "rd", "th") or (not match[1] and _is_year(text, match)))
    part = Part(text)
    return found + say.NUMBER_WORDS.count(part) + (len(_HAN_COUNT.findall(text)) if part.is_spaceless else 0)


def _is_year(text: str, match: re.Match[str]) -> bool:
    digits = match[2]
    if len(digits) != 4 or not digits.isdigit() or not 1500 <= int(digits) <= 2099:
        return False
    return text[match.end() : match.end() + 1] == "年" or bool(
        int(digits) % 100 or _YEAR_BEFORE.search(text[max(0, match.start() - 8) : match.start()])
    )


def head(clause: Part) -> list[str]:
    """Tokens of a clause from the first that is more than politeness."""
    words, start = clause.tokens, 0
    if words[:1] == ["to"]:  # `To make up for it`: a purpose, no request
        return words
    while start < min(len(words), 12) and words[start] in say.POLITE.spoken:
        start += 1
    return words[start:]


def asks_for_prose(message: Message) -> bool:
    """The first request in it is for a text: to write, translate, summarise, rewrite or suggest something."""
    for place, clause in enumerate(message.clauses):
        words = head(clause)
        if (
            say.PROSE.at(words)
            or (clause.is_spaceless or say.ADDRESSED.among(clause))
            and say.PROSE_ANYWHERE.among(clause)
        ):
            if not (say.ANSWER_FORM.among(clause) and place):
                return True
        elif _into_language(clause):
            return True
        elif _operates(words) and _works(message, clause):
            return False
    return False


def _into_language(clause: Part) -> bool:
    """Names a language to put something into: `into french please`."""
    words = clause.tokens
    if clause.is_spaceless:
        return say.LANGUAGES.among(clause) and not say.CRITERION.among(clause)
    if len(words) > 12 or say.CRITERION.among(clause):
        return False
    return any(b in say.LANGUAGES.spoken and a in say.INTO_LANGUAGE for a, b in pairwise(words))


def _operates(words: list[str]) -> bool:
    return say.OPERATION.at(words) or say.MECHANICAL.at(words) or say.CALCULATES.at(words)


def asks_meaning(message: Message) -> bool:
    """It asks what something means, or how it is said in another language."""
    said = message.request.grams
    return say.MEANING.among(message.request) or ({"what does", "what do"} & said and "mean" in said) or False


def only_spelling(message: Message) -> bool:
    """A short request to spell something backwards or in another order, with what to spell."""
    for sentence in message.sentences:
        if say.SPELLING.among(sentence) and not asks_meaning(message):
            if QUOTED in sentence.tokens or ":" in sentence.text:
                return len(message.request.tokens) <= 40 and not say.PROSE_ANYWHERE.written_in(sentence)
            return len(sentence.tokens) <= 8 and (say.OPERATION.at(head(sentence)) or say.YES_NO.at(head(sentence)))
    return False


def is_sum(message: Message) -> bool:
    """Nothing but numbers and operators, apart from words that ask for their value."""
    text = message.request.text.strip()
    if len(text) > 300 or _DATE_OR_NAME.search(text):
        return False
    bare = re.sub(r"[^\W\d_x]+(?:'s)?|x(?=[a-z])|(?<=[a-z])x", "", text)
    words = {w for w in message.request.tokens if w.isalpha() and w != "x"}
    asked = {word for phrase in say.ASKS_VALUE.spoken for word in phrase.split()} | say.POLITE.spoken
    if is_arithmetic(text):
        return True
    return bool(_ONLY_SUM.fullmatch(bare) and re.search(r"\d\s*[-+*^×÷·/x!]", bare) and words <= asked) and bool(
        words or re.search(r"\d\s*[+*^×÷·=]|\d\s+[-/x]\s+\d|\d{3,}/\d", bare)
    )


def gives_expression(message: Message) -> bool:
    """A sum, an equation or a function stands in the request, and its value is asked for."""
    request = message.request
    sums = _SUM.search(request.text) or say.SPOKEN_SUM.among(request) or _CALLED.search(request.text)
    unknown = _UNKNOWN.search(request.text) and ("=" in request.text or "^" in request.text)
    if not (sums or unknown):
        return False
    return (
        say.ASKS_VALUE.among(request)
        or "= ?" in request.text
        or say.HOW_MANY.among(request)
        or len(request.tokens) <= 12
    )


def goes_on(message: Message) -> bool:
    """A row of numbers or letters with a gap, or with the question what comes next."""
    text = message.request.text + " " + " ".join(message.quoted)
    row = _ROW.search(text)
    if row and _GAP.search(text, max(row.start(), row.end() - 1)):
        return True
    return bool(_LETTER_ROW.search(text) or (row and say.NEXT.among(message.request)))


def _asking(message: Message) -> Part:
    """The last sentence that asks: it ends in a question mark, or else says a question word."""
    for sentence in reversed(message.sentences):
        if sentence.text.rstrip().endswith("?"):
            return sentence
    for sentence in reversed(message.sentences):
        if say.HOW_MANY.among(sentence) or say.HOW_MUCH.among(sentence) or say.WHAT_IS.among(sentence):
            return sentence
    return message.sentences[-1] if message.sentences else message.request


def asks_advice(message: Message) -> bool:
    """What it asks is a way, a reason, an opinion or what to do; an amount made of rates is none of these."""
    asking = _asking(message)
    if say.WAY.among(asking):
        amount = say.HOW_MANY.among(asking) or say.HOW_MUCH.among(asking)
        if not (say.SUMS.among(asking) or (amount and quantities(message.request.text) >= 2)):
            return True
    if not say.ADVICE.among(asking):
        return False
    amount = say.HOW_MANY.among(asking) or say.HOW_MUCH.among(asking)
    if amount and quantities(message.request.text) >= 2 and ("%" in asking.tokens or "each" in asking.tokens):
        return False
    return True


def operand(message: Message, clause: Part) -> bool:
    """What a request works on is given: quoted, fenced, behind a colon, as a row or in lines."""
    text = message.request.text
    return bool(
        message.quoted
        or message.code
        or _ROW.search(text)
        or re.search(r":\s*\S", text)
        or clause.text.count(",") >= 2
        or max((s.text.count(",") for s in message.sentences), default=0) >= 2
        or len(message.sentences) >= 4
        or any(a in _WORD_NAMED and b not in _AFTER_WORD for a, b in pairwise(clause.tokens))
    )


_WORD_NAMED = frozenset("word string wort palabra mot".split())
_AFTER_WORD = frozenset("s is in of for from to with and or the a by is limit count de en der des aus".split())
_LETTERS = frozenset("bcfghjklnopqruvwxz")


def _works(message: Message, clause: Part) -> bool:
    whole = message.request
    criterion = say.CRITERION.among(whole) or not _LETTERS.isdisjoint(clause.tokens)
    if (criterion or say.MECHANICAL.at(head(clause))) and operand(message, clause):
        return criterion or not say.TEXT.among(clause)
    if say.TEXT.among(clause):
        return False
    if say.CALCULATES.at(head(clause)) and quantities(whole.text) >= 2:
        return True
    return quantities(whole.text) >= 1 and (say.MATHS.among(whole) or _SUM.search(whole.text) is not None)


def works_on_given(message: Message) -> bool:
    """A clause begins with an operation (sort, count, convert) by a criterion, and what it works on is given."""
    for clause in message.clauses:
        if (_operates(head(clause)) or clause.is_spaceless) and _works(message, clause):
            return True
    return False


def counts_letters(message: Message) -> bool:
    """It asks how often a letter, or which one, stands in a word or text that it gives."""
    for sentence in message.sentences:
        words = sentence.tokens
        for phrase in ("how many", "wie viele", "cuantas", "cuantos", "combien de", "wieviele"):
            place = _after(words, phrase)
            if place is not None and place < len(words) and len(words[place]) == 1 and words[place].isalpha():
                return True
        if _HAN_SINGLE_LETTER.search(sentence.text):
            return True
        if say.WHICH_LETTER.among(sentence) and ("#" in words or not _LETTERS.isdisjoint(words)):
            return True
        if say.COUNTS_LETTERS.among(sentence) and not say.NOT_LETTERS.among(sentence):
            asks = (
                say.HOW_MANY.among(sentence)
                or say.HOW_MUCH.among(sentence)
                or say.WHAT_IS.among(sentence)
                or say.YES_NO.at(words)
            )
            if asks and (
                QUOTED in message.request.tokens
                or say.HOW_MANY.among(sentence)
                or "th" in words
                or "letter of" in sentence.grams
            ):
                return True
    return False


def _after(words: list[str], phrase: str) -> int | None:
    first = phrase.split()
    for place in range(len(words) - len(first)):
        if words[place : place + len(first)] == first:
            return place + len(first)
    return None


def picks_from_list(message: Message) -> bool:
    """It asks for one or some of given numbers or words by a criterion: the largest, the even ones."""
    whole = message.request
    if not (say.WHO.among(whole) or say.WHAT_IS.among(whole) or say.HOW_MANY.among(whole)):
        return False
    row = _ROW.search(whole.text) is not None
    if row and (say.COMPARES.among(whole) or say.CRITERION.among(whole) or say.MATHS.among(whole)):
        return True
    listed = (
        bool(message.quoted)
        or re.search(r":\s*\S", whole.text)
        or max((s.text.count(",") for s in message.sentences), default=0) >= 2
    )
    return bool(listed) and say.SPELLED.among(whole) and not say.NOT_LETTERS.among(whole)


def compares(message: Message) -> bool:
    """It gives two numbers or offers and asks which is the larger or the cheaper."""
    asking = _asking(message)
    return (
        say.COMPARES.among(asking)
        and (say.WHO.among(asking) or say.YES_NO.at(head(asking)))
        and quantities(message.request.text) >= 2
    )


def asks_maths(message: Message) -> bool:
    """It names a quantity of mathematics (a prime, a root, a percentage of) and gives the number."""
    request = message.request
    if _PERCENT_OF.search(request.text):
        return True
    row = _ROW.search(request.text) is not None
    undated = any(
        not _DATED.search(request.text[max(0, m.start() - 8) : m.start()]) for m in _NUMBER.finditer(request.text)
    )
    return say.MATHS.among(request) and undated and (row or _asks(message))


def _asks(message: Message) -> bool:
    whole = message.request
    return (
        "?" in whole.text
        or say.WHAT_IS.among(whole)
        or say.HOW_MANY.among(whole)
        or len(whole.tokens) <= 12
        or any(_operates(head(clause)) for clause in message.clauses)
    )


def _units(words: Iterable[str]) -> list[int]:
    return [i for i, w in enumerate(words) if w in say.MEASURES.spoken or w in say.TIME_UNITS.spoken]


def converts(message: Message) -> bool:
    """One unit is asked for in terms of another: `5 miles in km`, `how many ounces in 2 pounds`."""
    if (
        re.search(r"\d\s?'\s?\d", message.request.text)
        and say.MEASURES.among(message.request)
        and len(message.request.tokens) <= 12
    ):
        return True
    for sentence in message.sentences:
        words = sentence.tokens
        places = _units(words)
        for place in places:
            if place and words[place - 1] in ("#", "°", "degrees", "grados", "grad", "degres", "sq", "square"):
                for later in places:
                    between = words[place + 1 : later]
                    if (
                        place < later <= place + 6
                        and words[later] != words[place]
                        and between
                        and "#" not in between[-1:]
                    ):
                        if INTO_.intersection(between[-3:]) and (_asks(message) or len(words) <= 10):
                            return True
        for first in places:
            if (
                first >= 2
                and f"{words[first - 2]} {words[first - 1]}" in say.HOW_MANY.spoken
                or (first and words[first - 1] in say.HOW_MANY.spoken)
                or (first >= 3 and words[first - 1] == "d" and "combien d" in sentence.grams)
            ):
                for later in places:
                    if (
                        later > first
                        and words[later] != words[first]
                        and all(w in say.LINK.spoken for w in words[first + 1 : later])
                    ):
                        return True
        if sentence.is_spaceless:
            measures = {w for w in (*say.MEASURES.written, *say.TIME_UNITS.written) if w in sentence.text}
            if (
                len(measures) >= 2
                and say.HOW_MANY.among(sentence)
                and any(w in sentence.text for w in ("等于", "是多少", "换算", "合", "转换", "有多少"))
            ):
                return True
    return False


INTO_ = frozenset(say.INTO.spoken) | {"="}


def asks_date(message: Message) -> bool:
    """It gives a date, a clock time or a duration and asks for a weekday, another time, or what lies between."""
    whole = message.request
    asking = _asking(message)
    numbers = quantities(whole.text)
    dated = bool(_DATE.search(whole.text)) or say.MONTHS.among(whole) or say.CLOCK.among(whole)
    timed = dated or (say.TIME_UNITS.among(whole) and numbers > 0)
    if say.WEEKDAY_ASKED.among(whole) and numbers and timed:
        return True
    if say.WEEKDAY_ASKED.among(whole) and say.WEEKDAYS.count(whole) >= 2 and say.IF.among(whole):
        return True
    if (
        say.DATE_ASKED.among(asking)
        and numbers >= 1
        and (_DATE.search(whole.text) or say.CLOCK.among(whole) or (timed and say.SPAN.among(whole)))
    ):
        return True
    if not say.TIME_AS_QUANTITY.among(whole):
        return False
    points = len(_NUMBER.findall(whole.text)) + say.MONTHS.count(whole)
    return (
        points >= 2
        and (say.SPAN.among(whole) or dated or numbers >= 2)
        or (say.SPAN.among(asking) and say.TIME_UNITS.among(asking) and dated)
    )


def is_word_problem(message: Message) -> bool:
    """It gives two quantities at least and asks what they come to: a count, or an amount that is not only guessed."""
    whole = message.request
    total = quantities(whole.text)
    relation = say.RELATION.among(whole)
    if total + relation < 2:
        return False
    asking = _asking(message)
    clauses = [Part(c) for c in clauses_of(asking.text)]
    asked = [c for c in clauses if say.HOW_MANY.among(c) or say.HOW_MUCH.among(c) or say.AMOUNT.among(c)]
    asked = asked or [c for c in clauses if say.WHAT_IS.among(c)]
    last = asked[-1] if asked else asking
    within = _behind_question(last)
    given = total - within.count("#") - sum(word in say.NUMBER_WORDS.spoken for word in within)
    given += relation and not say.RELATION.among(last)
    if say.HOW_MANY.among(asking) and (total >= 2 or given >= 1):
        return True
    what = say.WHAT_IS.among(asking) or asking.text.rstrip().endswith("?")
    if say.HOW_MUCH.among(asking) or (say.AMOUNT.among(asking) and what):
        return given >= 1 or say.RATE.among(whole) or say.IF.among(asking)
    plainly = "?" in asking.text or (last.text == message.clauses[-1].text and len(last.tokens) >= 4)
    if not plainly or "what a" in last.grams or say.READER.among(asking):
        return False
    return (given >= 2 or (given == 1 and say.RATE.among(whole))) and (say.WHAT_IS.among(asking) or say.WHO.among(last))


def _behind_question(clause: Part) -> list[str]:
    """Tokens of a clause from its question word on; all of them where it has none."""
    for place in range(len(clause.tokens)):
        words = clause.tokens[place : place + 3]
        if say.HOW_MANY.at(words) or say.HOW_MUCH.at(words) or say.WHAT_IS.at(words):
            return clause.tokens[place:]
    return clause.tokens


def traces_code(message: Message) -> bool:
    """Code is given, and what it prints, returns or comes to is asked for, not a change or an explanation of it."""
    if not message.code or say.WORK_ON_CODE.among(message.request):
        return False
    return say.OUTPUT.among(message.request) or (len(message.sentences) <= 2 and "what is" in message.request.grams)


def wants_code(message: Message) -> bool:
    """Code is given for another purpose, or a program is asked for."""
    return bool(message.code) or CODE in message.request.tokens


def asks_logic(message: Message) -> bool:
    """It gives two premises at least and asks who, which, or whether something follows from them."""
    whole = message.request
    asking = _asking(message)
    others = [s for s in message.sentences if s is not asking]
    if not others:
        *others, asking = message.clauses or [asking]
    if say.PUZZLE.among(whole) and len(message.sentences) >= 3:
        return True
    who = say.WHO.among(asking)
    yes_no = say.CONCLUDES.among(whole) or (not who and "?" in asking.text) or say.YES_NO.at(head(asking))
    if not (who or yes_no):
        return False
    if len(_SWORN.findall(whole.text)) >= 2 and (others or message.clauses[:-1]):
        return True
    if (
        sum(whole.tokens.count(word) for word in say.TURNS.spoken) + sum(whole.text.count(w) for w in say.TURNS.written)
        >= 3
    ):
        return True
    impersonal = [
        s for s in others if not say.PERSONAL.among(s) and (say.CONSTRAINT.among(s) or not say.READER.among(s))
    ]
    kin = say.KIN.count(Part(f"{whole.text} {' '.join(message.quoted)}"))
    if say.RELATED.among(whole) and kin >= 3 and not say.PERSONAL.among(whole):
        return True
    premises = sum(_is_premise(s) for s in impersonal)
    if len(impersonal) >= 2 and premises >= 2 and (who or _shares(asking, others, 1)):
        return True
    if sum(say.CONSTRAINT.count(s) for s in impersonal) >= 2 and (who or _shares(asking, others)):
        return True
    quantifiers = sum(say.QUANTIFIER.count(s) for s in impersonal)
    if say.CONCLUDES.among(whole) and premises + quantifiers >= 2:
        return True
    return yes_no and (quantifiers >= 2 or (quantifiers >= 1 and len(impersonal) >= 2)) and _shares(asking, others)


def _is_premise(sentence: Part) -> bool:
    return (
        say.CONSTRAINT.among(sentence)
        or say.NEGATION.among(sentence)
        or say.QUANTIFIER.at(head(sentence))
        or say.COMPARATIVE.among(sentence)
        or _SWORN.search(sentence.text) is not None
    )


def _shares(asking: Part, others: Iterable[Part], least: int = 2) -> bool:
    """Whether a question is about two things at least that other sentences name, by the first letters of words."""
    named = {word.rstrip("s")[:4] for other in others for word in _CONTENT.findall(other.text)}
    return len(
        {w.rstrip("s")[:4] for w in _CONTENT.findall(asking.text) if w not in _FUNCTION_WORDS} & named
    ) >= least or any(other.is_spaceless for other in others)


def measures_exactly(message: Message) -> bool:
    """It asks for an exact quantity made of others: the puzzle of the jugs."""
    whole = message.request
    return say.EXACTLY.among(whole) and quantities(whole.text) >= 3 and "?" in whole.text
