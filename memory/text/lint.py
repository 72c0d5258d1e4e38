"""What must not become a concept: leaked answers and values, commands, refusals, error texts, garbage.

ArcMemo's followers found that a rule against copying task-specific values cut leaked constants from 76% to
0%. Here it does not depend on a model following a rule: the text is checked.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from pilotage.memory.text.planted_words import planted_words
from pilotage.memory.text.prompt_injection import is_instruction
from pilotage.memory.text.words import content_words, stem

_KEYWORDS = 16
_LONGEST, _MOST_GIVEN, _PLACES = 15, 40, 6  # digits of a number, numbers of a task, and decimals to calculate with
# A reply that refuses, or that a service sent in place of one, begins so; a note on refusals or time-outs does not.
_REFUSAL = re.compile(
    r"^\W*(?:i'?m sorry\b|sorry, (?:but )?i\b|i apologi[sz]e|i (?:can(?:no|'|’)?t|cannot|am (?:unable|not able)|"
    r"won['’]?t|do not have access)\b|<!doctype|</?(?:html|head|body)\b)|\bas an ai(?: language)? model\b",
    re.IGNORECASE,
)
_SERVICE = re.compile(
    r"^\W*(?:error\W+|http\W+)*(?:\d{3}\W+)?(?:rate.?limit (?:reached|exceeded)|too many requests|quota exceeded|"
    r"insufficient (?:quota|credits?|balance)|internal server error|bad gateway|gateway time-?out|"
    r"(?:service|server|model) (?:is )?(?:temporarily )?(?:unavailable|overloaded)|(?:request|connection) timed? ?out|"
    r"unauthori[sz]ed|forbidden|invalid[ _](?:api|request)|try again later)"
    r"(?:\W*$|[^:]*\b(?:try|retry|requests?|later)\b)"
    r"|^\W*(?:error\W+)?http\W+\d{3}\W*$|^\W*\{\W*error\W|^traceback \(most",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.])(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?!\w)")
_WORDED = {
    word: str(number)
    for number, word in enumerate(
        "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty".split(), start=10
    )
} | dict(zip("thirty forty fifty sixty seventy eighty ninety".split(), map(str, range(30, 100, 10)), strict=True))
# Numbers that belong to no task: the base of the digits, of dozens, dates, clocks, angles, and per cent.
_COMMON = frozenset("10 12 24 26 28 30 31 52 60 90 100 180 360 365 366 1000 1440 3600".split())
_WORKED = re.compile(r"\d\s*[-*+/×÷x]\s*[$€£]?\d[\d,.]*\s*=|=\s*[$€£]?\d{2}|\banswer (?:is|was|=|equals) \d")
_STATED = re.compile(
    r"\b(?:answer|result|solution|reply)s? (?:is|are|equals?|(?:must|should|will|shall) be) "
    r"(?:always |just |only )?"
    r"(?:[\"'“‘]|(?!(?:a|an|the|as|at|in|to|for|from|by|that|what|which|how|one|its|their|this|then|not|found|given|asked|"
    r"obtained|computed|calculated|determined|wanted|needed|required|expected|printed|returned|reached|rounded|correct|"
    r"right|equal|same|also|usually|often|known|written|simply|whether|either|all|each|every|of|on|with|after|twice|"
    r"half|less|more|larger|smaller|greater|negative|positive|integer|even|odd|reported|checked|stated|just)\b)[a-z]+\s*"
    r"(?:[.,;!]|$))",
    re.IGNORECASE,
)
# What a text answer may be without giving a task away.
_PLAIN_ANSWERS = frozenset("yes no true false none null valid invalid possible impossible even odd empty".split())
# Capitalised and still nobody's name.
_NO_NAMES = frozenset(
    "i a an the if how what when where which who why find given let each in on at he she they it his her their "
    "there and or but then for of to is are do does did some many this that these those all every both its our my your "
    "we us you him them one two three four five six seven eight nine ten eleven twelve "
    "python none true false monday tuesday wednesday thursday friday saturday sunday january february march april "
    "may june july august september october november december english here no yes below above everyone nobody "
    "statement note task answer question example input output pass from however among yesterday today tomorrow "
    "afterwards while since after before during another most half only together initially later finally also suppose "
    "assume because although as by with without under over once until not so thus therefore next last first second "
    "third recently originally usually starting using later meanwhile instead additionally mom dad grandma grandpa "
    "math island cheese market star sort count list convert compute calculate simplify solve add multiply divide "
    "subtract determine evaluate print write return reverse rotate remove replace choose select identify express give "
    "use take make compare round estimate read apply combine fill move group decode encode draw match check".split()
)
_TERM = re.compile(r"\b(?:[A-Z][a-z]+ ){2,}[A-Z][a-z]+")  # Greatest Common Divisor: people have two names at most
_DOES = (
    "has|had|is|was|wants?|needs?|sold|bought|got|ate|made|gave|ran|went|took|paid|spent|said|told|can|could|will|would|"
    "did|does|drove|drew|wrote|sang|flew|grew|found|caught|lost|won|left|met|kept|built|brought|thought|began|drank|"
    "swam|hid|saw|set|put|cut|read|chose|wore|held|slept|fed|hit|knew|threw|stole|dug|also|always|currently|then|just|"
    "already|recently|and [A-Z]|and (?:his|her)|who|or [A-Z]"
)
_NAMED = (
    re.compile(r"(?<=[a-z0-9,;%)] )([A-Z][a-z]+)\b"),  # where no sentence starts
    re.compile(r"\b([A-Z][a-z]+)(?=['’]s?\b)"),
    re.compile(r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Professor|Sir|Aunt|Uncle|Saint|St)\.? ([A-Z][a-z]+)\b"),
    re.compile(rf"\b([A-Z][a-z]+)(?= (?:{_DOES})\b)"),  # a subject that does what people do
    re.compile(r"\b([A-Z][a-z]*[a-rt-z])(?= [a-z]+(?:[^\Ws]s|ed)\b(?! of\b))"),  # the same, by the verb's ending
)


def is_refusal(text: str) -> bool:
    """Whether text is a refusal, or an error message that a service sent in place of an answer."""
    return _REFUSAL.search(text) is not None or _SERVICE.search(text) is not None


def is_garbage(text: str) -> bool:
    """Whether text is too short, unreadable, or one thing repeated."""
    words = re.findall(r"[^\W\d_]{2,}", text.lower())
    if not words:
        return True
    letters = sum(letter.isalpha() or letter.isspace() for letter in text)
    return letters < 0.6 * len(text) or (len(words) > 8 and len(set(words)) < 0.3 * len(words))


def constants(prompt: str) -> frozenset[str]:
    """Numbers of a task that would give it away: decimals, and those of two or more digits."""
    numbers = {number.replace(",", "") for number in _NUMBER.findall(prompt)}
    numbers |= {_WORDED[word] for word in re.findall(r"[a-z]+", prompt.lower()) if word in _WORDED}
    return frozenset(number for number in numbers if len(number) > 1)


def names(prompt: str) -> frozenset[str]:
    """Proper names of a task, lower case. A guess from capitals: a word also written small is none."""
    prompt = _TERM.sub(lambda term: term.group().lower(), prompt)
    capitalised = {word.lower() for pattern in _NAMED for word in pattern.findall(prompt)}
    return frozenset(capitalised - set(re.findall(r"\b[a-z]+\b", prompt)) - _NO_NAMES)


def _on_the_way(prompt: str, answer: str) -> frozenset[float]:
    """Values that one operation makes of two of a task's own numbers: what came out on the way to the answer."""
    written = {number.replace(",", "") for number in _NUMBER.findall(f"{prompt} {answer}") if len(number) < _LONGEST}
    given = sorted(map(float, written))[:_MOST_GIVEN]
    made = {
        value
        for one in given
        for other in given
        for value in (one + other, one - other, one * other, one / other if other else 0.0)
    }
    return frozenset(round(value, _PLACES) for value in made if not (value.is_integer() and value < 10))


def leaks(text: str, prompt: str, answer: str) -> list[str]:
    """What of the task or its answer stands in the text; empty when it is general."""
    words = set(re.findall(r"[^\W\d_]+", text.lower()))
    leaked = sorted((constants(prompt) | constants(answer)) & constants(text))
    made = _on_the_way(prompt, answer)
    leaked += sorted(
        number for number in constants(text) - _COMMON - set(leaked) if round(float(number), _PLACES) in made
    )
    leaked += [worked.group() for worked in _WORKED.finditer(text)] if not leaked else []
    leaked += sorted(names(prompt) & words)
    plain = answer.strip().lower()
    spoken = len(plain) > 2 and plain not in _PLAIN_ANSWERS and not constants(plain)
    if spoken and re.search(rf"(?<!\w){re.escape(plain)}(?!\w)", text.lower()):
        leaked.append(plain)
    return leaked


def _foreign(text: str) -> set[str]:
    """Scripts other than Latin and Greek (whose letters are symbols) that the letters of a text belong to."""
    letters = {letter for letter in text if letter.isalpha() and not letter.isascii()}
    scripts = {unicodedata.name(letter, "UNKNOWN").split()[0] for letter in letters}
    return scripts - set("LATIN GREEK MICRO MATHEMATICAL SUPERSCRIPT SUBSCRIPT MODIFIER DOUBLE-STRUCK".split())


# What a sentence on a method has no need of, although it could reach a prompt as data: tags, fences, roles, headings.
_MARKUP = re.compile(
    r"<[!?/|\uff5c]?\s?/?[A-Za-z][^<>]{0,80}>|<\s?/|[|\uff5c]\s?>|`{3}|~{3}|\[/?(?:INST|SYS)\]|^\s*#{2}|[\u200b\u202e\ufeff]"
    r"|^[\s>*_\-\"'(\[#]{0,9}(?:system|assistant|user|human|developer|tool|ai|(?:final )?answer)[*_\"')\]]{0,9}"
    r"\s?[:\uff1a]",
    re.IGNORECASE,
)


def faults(text: str, prompt: str, answer: str, *, solution: str = "") -> list[str]:
    """Every reason why a text on a task (`prompt`) and its answer may not become part of a concept, in words.

    A word of what solved the task (`solution`) stands for the method, wherever the task has it.
    """
    judged = {
        "reads as an instruction": is_instruction(text),
        "carries marks that a prompt is built of": _MARKUP.search(" ".join(text.split())),
        "is a refusal or an error message": is_refusal(text),
        "states an answer": _STATED.search(text),
        "is written in another script than its task": _foreign(text) - _foreign(prompt),
        "is not readable text": is_garbage(text),
    }
    reasons = [reason for reason, holds in judged.items() if holds]
    method = {stem(word) for word in content_words(solution.replace("_", " "))}
    strange = sorted(planted_words(prompt) & set(content_words(text)))
    strange = [word for word in strange if stem(word) not in method]
    if strange:
        reasons.append(f"says {', '.join(map(repr, strange))}, which has no part in the task or in its solution")
    leaked = leaks(text, prompt, answer)
    if leaked:
        reasons.append(f"repeats the task's own {', '.join(repr(part) for part in leaked)}")
    return reasons


def masked(text: str) -> str:
    """The text with its telling numbers and names taken out, as the writer sees it: it cannot copy what it lacks."""
    for name in sorted(names(text), key=len, reverse=True):
        text = re.sub(rf"\b{name}\b", "someone", text, flags=re.IGNORECASE)
    return _NUMBER.sub(lambda number: "N" if len(number.group()) > 1 else number.group(), text)


def keywords(prompt: str, answer: str) -> list[str]:
    """The task's most used content words, sorted: enough to find its kind again, too little to carry a sentence."""
    private = names(prompt) | planted_words(prompt) | set(answer.lower().split()) | constants(prompt)
    words = [word for word in content_words(prompt) if word.isalpha() and 3 <= len(word) <= 30]
    counted = Counter(word for word in words if word not in private)
    return sorted(word for word, _ in counted.most_common(_KEYWORDS))
