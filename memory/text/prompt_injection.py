"""Prompt injection: text that tells a model to give up its instructions, as written or in one of a few disguises.

Whatever reaches a prompt is quoted as data (`pilotage.memory.text.quoting`); this net is the second line and is narrow
on purpose. It knows one thing: somebody tells the reader to drop the reader's own instructions or prompt, or to show
them. `readings` lists the disguises that it sees through. What ordinary methods say of rules, guidelines, orders,
secrets or messages is none of its business, and what is said in other words, languages or codes passes it. A person may
overrule it (`ConceptStore.vouch`). `benchmarks/poison.py` and `benchmarks/lint.py` print how often it is wrong either
way.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from pilotage.memory.concept import Concept, ConceptDraft

_OVERRULE = (
    r"(?:ignor(?:e|ing)|disregard(?:ing)?|forget(?:ting)?"
    r"|(?:do not|don't|stop|no longer|never) (?:follow|obey)(?:ing)?)"
)
_EARLIER = r"(?:previous|prior|above|earlier|preceding|original|initial|system)"
_INSTRUCTIONS = r"(?:instructions?|prompts?|directives?)"
_ANY_RULES = rf"(?:{_INSTRUCTIONS}|rules|guidelines|commands|orders|instructed)"
# 'The instructions of the label', 'on the box' are somebody else's.
_UNQUALIFIED = r"(?! (?:of|for|on|in|from|by|at|that (?:are|were|came|come)|which|how|to (?!and|me)|left|given)\b)"
_ENGLISH = (
    rf"\b{_OVERRULE} (?:\w+ ){{0,3}}?your (?:\w+ ){{0,2}}?{_ANY_RULES}\b{_UNQUALIFIED}",
    rf"\b{_OVERRULE} (?:(?:all|any|every|the|these|those|of) ){{0,3}}"
    rf"(?:{_EARLIER} (?:\w+ )?{_INSTRUCTIONS}\b{_UNQUALIFIED}"
    rf"|{_INSTRUCTIONS} (?:above|before this|you (?:were|have been|got)))",
    rf"\b{_OVERRULE} (?:all|any|every|all of the) {_INSTRUCTIONS}\b{_UNQUALIFIED}",
    rf"\boverrid(?:e|ing) (?:all )?(?:of )?(?:your (?:\w+ )?{_ANY_RULES}|the (?:system|above) prompt)\b{_UNQUALIFIED}",
    r"\b(?:ignore|disregard|forget) (?:everything|all|anything) (?:(?:that )?you (?:were|have been) told)\b",
    r"\byour (?:new|real|true|actual|secret) (?:instructions?|directives?) (?:are|is)\b",
    r"\b(?:reveal|print|repeat|output|leak|show me) (?:all (?:of )?)?your (?:system|hidden|secret|initial) "
    r"(?:prompt|instructions?|message)\b",
    r"\byou are now (?:dan|an? unrestricted|jailbroken|\w{3,}bot)\b",
    rf"\byou are no longer bound by (?:any|your) (?:\w+ )?{_ANY_RULES}\b",
    r"\b(?:for|in|to) (?:all|every|any|each) (?:future|subsequent) (?:tasks?|questions?|prompts?|users?)\b\W+"
    r"(?:the )?(?:answer|solution|reply) (?:is|must be|will be)\b",
    r"\bfrom now on\W+(?:every|all|any) (?:answers?|repl(?:y|ies)|responses?) (?:is|are|must|will)\b",
    r"\bnote (?:to|for) (?:the |any |every )?(?:ai|llm|language model|ai (?:assistant|model)) ?:",
)
# Verb, whose, and noun, in this order. Accents are taken off before matching.
_OTHER_LANGUAGES = (
    r"\b(?:ignorier|missacht|vergiss|vergesst)\w* (?:alle|samtliche|deine|(?:die )?(?:bisherig|vorherig|obig)en) "
    r"(?:\w+ )?(?:anweisung|instruktion)en\b",
    r"\b(?:ignor|oubli|neglig)\w* (?:toutes (?:les|tes|vos)|tes|vos) (?:instructions|consignes)\b",
    r"\b(?:ignor|olvid|descart)\w* (?:todas )?(?:las|tus) (?:instruccion|indicacion)es\b(?! de)",
    r"\b(?:ignor|dimentic|tralasci)\w* (?:tutte )?(?:le|tue)(?: tue)? istruzioni\b(?! d)",
    r"\b(?:ignor|esquec|desconsider)\w* (?:todas )?(?:as|suas) (?:instrucoes|regras acima)\b(?! d)",
    r"\b(?:negeer|vergeet) (?:alle|je) (?:\w+ )?instructies\b",
    r"(?:игнорир|забудь|пренебрег)\w* (?:все|свои|твои) (?:\w+ )?инструкц",
    r"(?:忽略|无视|無視|忘记|忘記)(?:你的|所有|之前|以上|先前|上述|全部)[^，。]{0,6}(?:指令|指示)",
    r"(?:すべて|全て|これまで|以前|上記|あなた)の[^、。]{0,6}(?:指示|命令)を(?:無視|忘れ)",
    r"(?:모든|이전|위의) (?:\w+ )?(?:지시|명령)\w* (?:\w+ )?(?:무시|잊)",
    r"(?:सभी|पिछले) निर्देश.{0,10}(?:अनदेखा|भूल)",
    r"(?:تجاهل|انس) (?:جميع|كل) (?:ال)?تعليمات",
)
# Each pattern needs one of these.
_REQUIRED = (
    *("instruct", "prompt", "directive", "guideline", "rules", "commands", "orders", "told", "message"),
    *("you are n", "future", "subsequent", "from now on", "note "),
    *("anweisung", "instruktion", "consignes", "indicacion", "instruccion", "istruzioni", "instrucoes"),
    *("regras", "инструкц", "指令", "指示", "命令", "지시", "명령", "निर्देश", "تعليمات"),
)
_BASE64 = re.compile(r"(?<![\w+/])[A-Za-z0-9+/]{16,}={0,2}(?![\w+/])")
_SPACED_LETTERS = re.compile(r"(?<!\w)(?:\w[ .\-_*·]){2,}\w(?!\w)")
# Keeps apart what stands alone; a few patterns reach across it, which costs a closer look and holds back nothing.
_BETWEEN_PARTS = "\n|\n"
_NEVER_RENDERED = ("keywords", "subtype")
# Joiners, fillers and format characters are invisible; these are, too, or they are drawn onto the letter before them.
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"  # of no script, and Cyrillic ones
    "\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"  # variation selectors
    "\u115f\u1160\u3164\uffa0]"  # Hangul fillers
)
_ACCENTED = re.compile("[\u00c0-\u024f\u1e00-\u1eff]")
_LEET_SIGNS = "013457@$"
_LEET = str.maketrans(_LEET_SIGNS, "oieastas")
_LEET_WORD = re.compile(r"(?<![\w@$])(?=[\w@$]*[^\W\d_])[\w@$]+")  # has a letter: '104' stays a number


@dataclass(frozen=True)
class HeldBack:
    """A part of a concept that is kept and never shown to a model: the field, and what stands there."""

    field: str
    text: str

    def __str__(self) -> str:
        short = self.text if len(self.text) <= 60 else f"{self.text[:57]}..."
        return f"{self.field} {short!r}"


def held_back(draft: ConceptDraft) -> tuple[HeldBack, ...]:
    """Every text of a concept that reads as a command; all of a field where texts only do together.

    Nothing of a concept that a person has vouched for.
    """
    if isinstance(draft, Concept) and draft.vouched:
        return ()
    parts = [part for part in _parts(draft) if part.text]
    apart = _BETWEEN_PARTS.join(part.text for part in parts)
    looks = (apart, *map(_joined, _renderings(parts)))
    if not any(map(is_instruction, looks)):  # a few looks are enough for nearly all
        return ()
    alone = [part for part in parts if is_instruction(part.text)]
    left = [part for part in parts if part not in alone]
    spread: set[str] = set()
    while run := next(filter(None, map(_command_across, _renderings(left))), None):
        spread |= {part.field for part in run}
        left = [part for part in left if part.field not in spread]
    whole = (HeldBack(field, _joined(p for p in parts if p.field == field)) for field in sorted(spread))
    return (*(part for part in alone if part.field not in spread), *whole)


def _renderings(parts: list[HeldBack]) -> Iterator[list[HeldBack]]:
    """What a prompt may show one after the other: all, or a form without some fields; then the rest."""
    for gone in ((), ("description",), ("description", "parameters", "output_typing")):
        yield [part for part in parts if part.field not in (*gone, *_NEVER_RENDERED)]
    for field in _NEVER_RENDERED:
        yield [part for part in parts if part.field == field]


def _command_across(parts: list[HeldBack]) -> list[HeldBack]:
    """Neighbours that make up a command together, none of which could be left out at either end; empty if none do."""
    if not is_instruction(_joined(parts)):
        return []
    end = bisect_left(range(len(parts)), True, key=lambda last: is_instruction(_joined(parts[: last + 1]))) + 1
    start = bisect_left(range(end), True, key=lambda first: not is_instruction(_joined(parts[first + 1 : end])))
    return parts[start:end]


def _joined(parts: Iterable[HeldBack]) -> str:
    return " ".join(part.text for part in parts)


def is_instruction(text: str) -> bool:
    """Whether the text, in one of its readings, tells its reader to give up its instructions."""
    return any(_pattern().search(reading) for reading in readings(text) if _may_command(reading))


def _parts(draft: ConceptDraft) -> Iterator[HeldBack]:
    """All texts of a concept, in the order in which a prompt shows them."""
    for field in ("title", "description"):
        yield HeldBack(field, getattr(draft, field))
    for cue in draft.cues:
        yield HeldBack("cues", cue)
    for one in draft.parameters:
        yield HeldBack("parameters", " ".join((one.name, one.typing, one.description)))
    yield HeldBack("output_typing", draft.output_typing)
    for field in ("implementation", "keywords"):
        for line in getattr(draft, field):
            yield HeldBack(field, line)
    yield HeldBack("subtype", draft.subtype)


def _may_command(text: str) -> bool:
    """Whether the text has a word without which no pattern matches: a hundred times faster than to try them all."""
    small = text.lower()
    return any(key in small for key in _REQUIRED)


@cache
def _pattern() -> re.Pattern[str]:
    return re.compile("|".join((*_ENGLISH, *_OTHER_LANGUAGES)), re.IGNORECASE)


def readings(text: str) -> set[str]:
    """What the text says to somebody who sees through these disguises, and through one of each kind at once.

    Of the letters: compatibility forms, invisible characters, accents and other marks, and letters of other scripts
    that look Latin. Of the words: lines, runs of blanks, `_-*~`, camelCase, or blanks between all letters. Then digits
    and signs for letters (013457@$). Base64 of any such text counts as the text.
    """
    texts = [plain := _without_marks(text), *_decoded(plain)]
    letters = {*texts, *(one.translate(_lookalikes()) for one in texts if not one.isascii())}
    words = {form for one in letters for form in _layouts(one)}
    leet = (one for one in words if any(sign in one for sign in _LEET_SIGNS))
    return words.union(_LEET_WORD.sub(lambda word: word.group().translate(_LEET), one) for one in leet)


def _without_marks(text: str) -> str:
    """The text in plain letters: no compatibility forms, invisible characters or accents."""
    if text.isascii():
        return text
    flat = _MARKS.sub("", unicodedata.normalize("NFKC", text))
    visible = "".join(mark for mark in flat if unicodedata.category(mark) != "Cf")
    # The parts of other scripts' letters, such as Hangul, stay together.
    return _ACCENTED.sub(lambda letter: unicodedata.normalize("NFKD", letter.group())[0], visible)


@cache
def _lookalikes() -> dict[int, str]:
    """Letters of other scripts, small capitals and barred letters to the Latin ones that they pass for."""
    alike = dict(zip("аеорсухіјѕԁԛһкмтпвнԝѵӏг", "aeopcyxijsdqhkmtnbhwvlr", strict=True))  # Cyrillic
    alike |= {letter.upper(): latin.upper() for letter, latin in alike.items()}
    alike |= dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαινορυ", "ABEZHIKMNOPTYXaivopu", strict=True))  # Greek
    alike |= dict(zip("օսհոցյ", "ouhngj", strict=True))  # Armenian
    alike |= dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz", strict=True))
    alike |= dict(zip("ıɡøđłħ", "igodlh", strict=True))
    accented = map(chr, range(0x370, 0x530))  # Greek and Cyrillic
    bare = {letter: unicodedata.normalize("NFKD", letter)[0] for letter in accented}
    alike |= {letter: alike[base] for letter, base in bare.items() if letter not in alike and base in alike}
    return str.maketrans(alike)


def _layouts(text: str) -> Iterator[str]:
    """The text as it stands, and with its words told apart by single blanks."""
    spoken = re.sub(r"[_\-*~`]+", " ", text)
    yield text
    yield re.sub(r"[ \t]+", " ", spoken)
    yield _in_one_line(spoken)
    yield _in_one_line(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", spoken))
    # Between two words of spaced letters stand two blanks or more.
    words = re.sub(r"[ \t]{2,}", "\n", text)
    yield _in_one_line(_SPACED_LETTERS.sub(lambda run: re.sub(r"\W|_", "", run.group()), words))


def _in_one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _decoded(text: str) -> Iterator[str]:
    """Text that is hidden in base64."""
    for token in _BASE64.findall(text):
        try:
            yield _without_marks(base64.b64decode(token + "=" * (-len(token) % 4)).decode("utf-8"))
        except (binascii.Error, UnicodeDecodeError):
            continue  # no base64, or no text in it
