"""What must not become a concept: leaked answers and constants, instructions, refusals, error texts, garbage.

ArcMemo's followers found that a rule against copying task-specific values cut leaked constants from 76% to
0%. Here it does not depend on a model following a rule: the text is checked.
"""

from __future__ import annotations

import re

_INSTRUCTION = re.compile(
    r"\b(ignore|disregard|forget|override|bypass)\b.{0,40}\b(instructions?|prompts?|rules?|guidelines?|above|previous)"
    r"|\b(system|developer) (prompt|message|role)\b|^\s*(system|assistant|user|developer)\s*:"
    r"|\byou (are now|must (now|always|never)|will (now|always|never))\b|\bact as\b|\bpretend (to be|you)\b"
    r"|\b(store|save|remember|memori[sz]e|record)\b.{0,40}\b(concept|memory|instruction|lesson|forever|verbatim)"
    r"|\bfrom now on\b|\b(new|real|your|following) instructions?\b|\bjailbreak|\balways (answer|reply|respond|output)\b"
    r"|<\|[^|>]*\|>|\[/?INST\]|https?://|\b(api[_ ]?key|password)\b",
    re.IGNORECASE | re.MULTILINE,
)
_REFUSAL = re.compile(
    r"\b(i'?m sorry|i apologi[sz]e|i (can(no|')t|am (unable|not able)|won't)|as an ai( language)? model)\b"
    r"|\b(rate.?limit|too many requests|quota exceeded|try again later|internal server error|bad gateway|overloaded"
    r"|service unavailable|timed? ?out|unauthorized|traceback)\b|\berror:|\bhttp \d{3}\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?!\w)")
# What a text answer may be without giving a task away.
_PLAIN_ANSWERS = frozenset("yes no true false none null valid invalid possible impossible even odd empty".split())
# Capitalised and still nobody's name.
_NO_NAMES = frozenset(
    "i a an the if how what when where which who why find given let each in on at he she they it his her their "
    "there and or but then for of to is are do does some many this that these those all every both its our my your "
    "python none true false monday tuesday wednesday thursday friday saturday sunday january february march april "
    "may june july august september october november december english you here no yes below above everyone "
    "statement note task answer question example".split()
)
_TERM = re.compile(r"\b(?:[A-Z][a-z]+ ){2,}[A-Z][a-z]+")  # Greatest Common Divisor: people have two names at most
_NAMED = (
    re.compile(r"(?<=[a-z,;] )([A-Z][a-z]+)\b"),  # where no sentence starts
    re.compile(r"\b([A-Z][a-z]+)(?='s\b)"),
    re.compile(  # a subject that does what people do
        r"\b([A-Z][a-z]+)(?= (?:has|had|is|was|wants|needs|sold|sells|bought|buys|gets|got|ate|eats|makes|made|gave|"
        r"gives|earns|runs|goes|went|works|takes|took|pays|paid|spends|spent|lays|says|said|tells|told|can|and [A-Z])"
        r"\b)"
    ),
)


def is_instruction(text: str) -> bool:
    """Whether text tries to command its reader instead of describing a method."""
    return _INSTRUCTION.search(text) is not None


def is_refusal(text: str) -> bool:
    """Whether text is a refusal, or an error message that a service sent in place of an answer."""
    return _REFUSAL.search(text) is not None


def is_garbage(text: str) -> bool:
    """Whether text is too short, unreadable, or one thing repeated."""
    words = re.findall(r"[^\W\d_]{2,}", text.lower())
    if not words:
        return True
    letters = sum(letter.isalpha() or letter.isspace() for letter in text)
    return letters < 0.6 * len(text) or (len(words) > 8 and len(set(words)) < 0.3 * len(words))


def constants(prompt: str) -> frozenset[str]:
    """Numbers of a task that would give it away: decimals, and those of two or more digits."""
    found = (number.replace(",", "") for number in _NUMBER.findall(prompt))
    return frozenset(number for number in found if len(number) > 1)


def names(prompt: str) -> frozenset[str]:
    """Proper names of a task, lower case. A guess from capitals: a word also written small is none."""
    prompt = _TERM.sub(lambda term: term.group().lower(), prompt)
    found = {word for pattern in _NAMED for word in pattern.findall(prompt)}
    small = set(re.findall(r"\b[a-z]+\b", prompt))
    return frozenset({word.lower() for word in found} - small - _NO_NAMES)


def leaks(text: str, prompt: str, answer: str) -> list[str]:
    """What of the task or its answer stands in the text; empty when it is general."""
    words = set(re.findall(r"[^\W\d_]+", text.lower()))
    found = sorted((constants(prompt) | constants(answer)) & constants(text))
    found += sorted(names(prompt) & words)
    plain = answer.strip().lower()
    spoken = len(plain) > 2 and plain not in _PLAIN_ANSWERS and not constants(plain)
    if spoken and re.search(rf"(?<!\w){re.escape(plain)}(?!\w)", text.lower()):
        found.append(plain)
    return found


def faults(text: str, prompt: str, answer: str) -> list[str]:
    """Every reason why `text` may not become part of a concept, in words."""
    reasons = []
    if is_instruction(text):
        reasons.append("reads as an instruction")
    if is_refusal(text):
        reasons.append("is a refusal or an error message")
    if is_garbage(text):
        reasons.append("is not readable text")
    leaked = leaks(text, prompt, answer)
    if leaked:
        reasons.append(f"repeats the task's own {', '.join(repr(part) for part in leaked)}")
    return reasons


def masked(text: str) -> str:
    """The text with its telling numbers and names taken out, as the writer sees it: it cannot copy what it lacks."""
    for name in sorted(names(text), key=len, reverse=True):
        text = re.sub(rf"\b{name}\b", "someone", text, flags=re.IGNORECASE)
    return _NUMBER.sub(lambda found: "N" if len(found.group()) > 1 else found.group(), text)
