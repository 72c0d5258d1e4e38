"""Commands: text that tells a model to give up its instructions, however it is disguised.

Whatever reaches a prompt is quoted as data (`memory.quoting`); this net is the second line and is kept narrow. It knows
one thing: somebody talks to the reader about the reader's own instructions. Ordinary methods do not; what they say of
rules, orders, memory or links is none of its business. `benchmarks/lint.py` prints how often it is wrong either way. A
net that knows more (answers that are asked for, things to be remembered) held back ten harmless concepts in 974.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from memory.concept import ConceptDraft

_OVERRULE = (
    r"(?:ignor(?:e|ing)|disregard(?:ing)?|forget|bypass|neglect|discard|overrule|set aside|pay no attention to|"
    r"(?:do not|don't|stop|no longer|never) (?:follow|obey)(?:ing)?)"
)
_EARLIER = r"(?:previous|prior|above|earlier|preceding|original|initial|system|your|my|existing)"
_ORDERS = r"(?:instructions?|prompts?|directives?|guidelines?|instructed)"
_ENGLISH = (
    rf"\b{_OVERRULE} (?:\w+ ){{0,3}}?(?:all|any|every|the|these|those|{_EARLIER}) (?:\w+ ){{0,2}}?{_ORDERS}\b"
    rf"(?! (?:of|for|on|in|from|that come|on how|to (?!and|me)) )",
    rf"\b{_OVERRULE} (?:all |any |every |the |of ){{0,2}}{_EARLIER} (?:\w+ )?(?:rules|commands)\b(?! (?:of|in|for) )",
    rf"\boverrid(?:e|ing) (?:all )?(?:your|the (?:system|above)) (?:\w+ )?(?:rules|{_ORDERS})\b",
    r"\b(?:ignore|disregard|forget) (?:everything|all|anything) (?:(?:that )?you (?:were|have been) told|above\b)",
    r"\byour (?:new|real|true|only|actual|secret) (?:instructions?|directives?|orders) (?:are|is)\b",
    r"\b(?:reveal|print|repeat|output|leak|show me) (?:all (?:of )?)?(?:your|the) (?:system|hidden|secret|initial) "
    r"(?:prompt|instructions?|message)\b(?! (?:of|for|in|that) )",
    r"\byou are (?:now|no longer) (?:a |an )?(?:\w+bot|dan|unrestricted|free of|jailbroken|bound by)\b",
    r"\b(?:for|in|to) (?:all|every|any|each) (?:future|later|subsequent|other) (?:tasks?|questions?|prompts?|users?)\b"
    r".{0,30}\b(?:answer|reply|respond|say|solution)\b",
    r"\bfrom now on\b.{0,20}\b(?:you (?:will|must|are)|(?:always |only )?(?:answer|reply|respond|say)\b)",
    r"\b(?:note|message|attention|hint) (?:to|for) (?:the |any |every )?(?:ai|llm|language model|assistant|model)\b",
)
# Verb and noun of the first pattern, and how far apart. Accents are taken off before matching.
_OTHERS: tuple[tuple[str, str], ...] = (
    (r"\b(?:ignorier|missacht|vergiss|vergesst)\w*", r"(?:anweisung|instruktion|vorgabe)"),
    (r"\b(?:ignor|oubli|neglig)\w*", r"\b(?:les|ces|tes|vos|toutes)\b.{0,20}(?:instructions|consignes)"),
    (r"\b(?:ignor|olvid|descart)\w*", r"(?:instruccion|indicacion)es"),
    (r"\b(?:ignor|dimentic|tralasci)\w*", r"istruzioni"),
    (r"\b(?:ignor|esquec|desconsider)\w*", r"(?:instrucoes|regras (?:acima|anteriores))"),
    (r"\b(?:negeer|vergeet)\b", r"instructies"),
    (r"(?:игнорир|забудь|пренебрег)\w*", r"инструкц"),
    (r"(?:忽略|无视|無視|忘记|忘記)", r"(?:指令|指示|提示)"),
    (r"(?:指示|命令)", r"(?:無視|忘れ)"),
    (r"(?:지시|명령)", r"(?:무시|잊)"),
    (r"(?:निर्देश)", r"(?:अनदेखा|भूल)"),
    (r"(?:تجاهل|انس)", r"تعليمات"),
)
_KEYS = (
    *("instruct", "prompt", "directive", "guideline", "rules", "commands", "orders", "told", "above", "message"),
    *("you are n", "future", "later ", "subsequent", "other ", "from now on", "note ", "attention ", "hint "),
    *("anweisung", "instruktion", "vorgabe", "consignes", "indicacion", "instruccion", "istruzioni", "instrucoes"),
    *("regras", "инструкц", "指令", "指示", "提示", "命令", "지시", "명령", "निर्देश", "تعليمات"),
)
_BASE64 = re.compile(r"(?<![\w+/])[A-Za-z0-9+/]{16,}={0,2}(?![\w+/])")
_SPACED = re.compile(r"(?<!\w)(?:\w[ .\-_*·]){2,}\w(?!\w)")
_APART = "\n|\n"  # no pattern reaches across it
_DIGITS = frozenset("013457@$")  # that pass for letters
_LEET = str.maketrans("013457@$", "oieastas")
# Letters of other scripts that pass for Latin ones.
_LOOKALIKES = str.maketrans("аеорсухіјѕԁԛһкмтпвΑΒΕΖΗΙΚΜΝΟΡΤΥΧαινορυ", "aeopcyxijsdqhkmtnbABEZHIKMNOPTYXaivopu")


@dataclass(frozen=True)
class HeldBack:
    """A part of a concept that is kept and never shown to a model: the field, and what stands there."""

    field: str
    text: str

    def __str__(self) -> str:
        short = self.text if len(self.text) <= 60 else f"{self.text[:57]}..."
        return f"{self.field} {short!r}"


def held_back(draft: ConceptDraft) -> tuple[HeldBack, ...]:
    """Every text of a concept that reads as a command; all of a list where only its lines together do."""
    fields = [(field, texts) for field, texts in _fields(draft) if any(texts)]
    everything = _APART.join("\n".join(texts) for _, texts in fields)
    if not is_instruction(everything):  # one look is enough for nearly all
        return ()
    return tuple(HeldBack(field, text) for field, texts in fields for text in _commands(texts))


def is_instruction(text: str) -> bool:
    """Whether text tells its reader to give up its instructions, also through look-alike letters, spacing or base64."""
    return any(_pattern().search(reading) for reading in readings(text) if _may_command(reading))


def _fields(draft: ConceptDraft) -> Iterator[tuple[str, Sequence[str]]]:
    """All of a concept that a prompt may show."""
    for name in ("title", "description", "subtype", "output_typing"):
        yield name, (getattr(draft, name),)
    for name in ("cues", "implementation", "keywords"):
        yield name, getattr(draft, name)
    for one in draft.parameters:
        yield "parameters", (" ".join((one.name, one.typing, one.description)),)


def _commands(texts: Sequence[str]) -> list[str]:
    found = [text for text in texts if is_instruction(text)]
    if not found and len(texts) > 1 and is_instruction(" ".join(texts)):
        return [" ".join(texts)]
    return found


def _may_command(text: str) -> bool:
    """Whether the text has a word without which no pattern matches: a hundred times faster than to try them all."""
    small = text.lower()
    return any(key in small for key in _KEYS)


@cache
def _pattern() -> re.Pattern[str]:
    others = (f"{verb}.{{0,40}}{noun}" for verb, noun in _OTHERS)
    return re.compile("|".join((*_ENGLISH, *others)), re.IGNORECASE | re.MULTILINE)


def readings(text: str) -> set[str]:
    """What the text says to somebody who reads past the usual disguises."""
    bare = text if text.isascii() else _bare(text)
    spoken = re.sub(r"[_\-*~`]+", " ", bare)
    found = {bare, re.sub(r"[ \t]+", " ", spoken), re.sub(r"\s+", " ", spoken)}
    found.add(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", spoken))
    if not bare.isascii():
        found.add(re.sub(r"[^\W\d_]+", lambda word: word.group().translate(_LOOKALIKES), bare))
    spaced = _SPACED.sub(lambda run: re.sub(r"\W|_", "", run.group()), re.sub(r"[ \t]{2,}", " | ", bare))
    found.add(spaced.replace(" | ", " "))
    if not _DIGITS.isdisjoint(bare):
        found.add(re.sub(r"\b(?=\w*[a-z])[\w@$]+", lambda word: word.group().translate(_LEET), bare))
    found |= set(_decoded(bare))
    return found


def _bare(text: str) -> str:
    """The text in plain letters: no compatibility forms, invisible characters or accents."""
    flat = unicodedata.normalize("NFKC", text)
    visible = "".join(mark for mark in flat if unicodedata.category(mark) != "Cf")
    # The parts of other scripts' letters, such as Hangul, stay together.
    return re.sub(
        r"[\u00c0-\u024f\u1e00-\u1eff]", lambda letter: unicodedata.normalize("NFKD", letter.group())[0], visible
    )


def _decoded(text: str) -> Iterator[str]:
    """Text that is hidden in base64."""
    for token in _BASE64.findall(text):
        try:
            yield base64.b64decode(token + "=" * (-len(token) % 4)).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            continue  # no base64, or no text in it
