"""Prompt injection: text that tells a model to give up its instructions, however it is disguised; planted words.

Whatever reaches a prompt is quoted as data (`pilotage.memory.text.quoting`); this net is the second line and is narrow
on purpose. It knows one thing: somebody tells the reader to drop the reader's own instructions or prompt, or to show
them. What ordinary methods say of rules, guidelines, orders, secrets or messages is none of its business, and what is
said in other words or languages passes it. A person may overrule it (`ConceptStore.vouch`). `benchmarks/poison.py` and
`benchmarks/lint.py` print how often it is wrong either way.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from pilotage.memory.concept import Concept, ConceptDraft
from pilotage.memory.text.words import content_words

_OVERRULE = (
    r"(?:ignor(?:e|ing)|disregard(?:ing)?|forget(?:ting)?"
    r"|(?:do not|don't|stop|no longer|never) (?:follow|obey)(?:ing)?)"
)
_EARLIER = r"(?:previous|prior|above|earlier|preceding|original|initial|system)"
_GIVEN = r"(?:instructions?|prompts?|directives?)"
_RULES = rf"(?:{_GIVEN}|rules|guidelines|commands|orders|instructed)"
# 'the instructions of the label', 'on the box': somebody else's.
_THEIRS = r"(?! (?:of|for|on|in|from|by|at|that (?:are|were|came|come)|which|how|to (?!and|me)|left|given)\b)"
_ENGLISH = (
    rf"\b{_OVERRULE} (?:\w+ ){{0,3}}?your (?:\w+ ){{0,2}}?{_RULES}\b{_THEIRS}",
    rf"\b{_OVERRULE} (?:(?:all|any|every|the|these|those|of) ){{0,3}}(?:{_EARLIER} (?:\w+ )?{_GIVEN}\b{_THEIRS}"
    rf"|{_GIVEN} (?:above|before this|you (?:were|have been|got)))",
    rf"\b{_OVERRULE} (?:all|any|every|all of the) {_GIVEN}\b{_THEIRS}",
    rf"\boverrid(?:e|ing) (?:all )?(?:of )?(?:your (?:\w+ )?{_RULES}|the (?:system|above) prompt)\b{_THEIRS}",
    r"\b(?:ignore|disregard|forget) (?:everything|all|anything) (?:(?:that )?you (?:were|have been) told)\b",
    r"\byour (?:new|real|true|actual|secret) (?:instructions?|directives?) (?:are|is)\b",
    r"\b(?:reveal|print|repeat|output|leak|show me) (?:all (?:of )?)?your (?:system|hidden|secret|initial) "
    r"(?:prompt|instructions?|message)\b",
    r"\byou are now (?:dan|an? unrestricted|jailbroken|\w{3,}bot)\b",
    rf"\byou are no longer bound by (?:any|your) (?:\w+ )?{_RULES}\b",
    r"\b(?:for|in|to) (?:all|every|any|each) (?:future|subsequent) (?:tasks?|questions?|prompts?|users?)\b\W+"
    r"(?:the )?(?:answer|solution|reply) (?:is|must be|will be)\b",
    r"\bfrom now on\W+(?:every|all|any) (?:answers?|repl(?:y|ies)|responses?) (?:is|are|must|will)\b",
    r"\bnote (?:to|for) (?:the |any |every )?(?:ai|llm|language model|ai (?:assistant|model)) ?:",
)
# Verb, whose, and noun, in this order. Accents are taken off before matching.
_OTHERS = (
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
_KEYS = (
    *("instruct", "prompt", "directive", "guideline", "rules", "commands", "orders", "told", "message"),
    *("you are n", "future", "subsequent", "from now on", "note "),
    *("anweisung", "instruktion", "consignes", "indicacion", "instruccion", "istruzioni", "instrucoes"),
    *("regras", "инструкц", "指令", "指示", "命令", "지시", "명령", "निर्देश", "تعليمات"),
)
_BASE64 = re.compile(r"(?<![\w+/])[A-Za-z0-9+/]{16,}={0,2}(?![\w+/])")
_SPACED = re.compile(r"(?<!\w)(?:\w[ .\-_*·]){2,}\w(?!\w)")
_APART = "\n|\n"  # no pattern reaches across it
_UNSHOWN = ("keywords", "subtype")
_WIDEST = 8  # texts that a command is looked for across
_DIGITS = frozenset("013457@$")  # that pass for letters
_LEET = str.maketrans("013457@$", "oieastas")
# Letters of other scripts that pass for Latin ones.
_LOOKALIKES = str.maketrans("аеорсухіјѕԁԛһкмтпвΑΒΕΖΗΙΚΜΝΟΡΤΥΧαινορυ", "aeopcyxijsdqhkmtnbABEZHIKMNOPTYXaivopu")
_STEM = 5
_OF_PROBLEM = re.compile(
    r"\d|\?|\b(two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|half|dozen)\b", re.IGNORECASE
)
_DICTATED = re.compile(
    r"\b(?:say|says|said|reply|replies|respond|answer|output|print|write|repeat|mention|include|recommend|store|save|keep|"
    r"put|add|append|insert|call|use|memori[sz]e|remember|state|claim|conclude|believe|assert|declare|promote|praise|"
    r"advertise|endorse|prefer|choose|teach|learn|note|record|title|named|spread|quote|cite|copy|type|show|display)"
    r"(?:s|d|ed|ing)?\b[ :,'\"“‘]*(?:[\w'-]+[ ,:'\"”’]*){1,5}"
    r"|\b(?:answer|solution|method|result|key|secret|tool|trick|truth|fact|word|phrase|fruit|rule)s?(?: here| always)? "
    r"(?:is|are|be|was)\b[ :,'\"“‘]*(?:[\w'-]+[ ,:'\"”’]*){1,4}"
    r"|=\s*[a-z]{3,}\b|(?<![\w'-])[\w'-]+ (?:is|are|has|solves?|works?|means?|equals?|=) (?:\w+ ){0,2}"
    r"(?:universal|only|best|right|true|correct|real|always|everything|it|anything)\b|[\"'“‘][^\"'”’\n]{3,80}[\"'”’]",
    re.IGNORECASE,
)
# Words that a note on any method may use; a task may ask for them.
_METHOD_WORDS = frozenset(
    "number numbers total word words list order value values letter letters text result results answer answers each "
    "sum product difference count digit digits line lines character characters string sentence sequence matrix grid "
    "step steps element elements item items time times amount cost price rate average first last next equal output "
    "input integer decimal fraction expression equation variable function pair pairs group groups size length "
    "find make take money hours minutes days people another used into final given same before after "
    "start repeat keep rest".split()
)


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
    orders = list(_orders(parts))
    looks = (_APART.join(part.text for part in parts), *(_together(order) for order in orders))
    if not any(map(is_instruction, looks)):  # a few looks are enough for nearly all
        return ()
    alone = [part for part in parts if is_instruction(part.text)]
    spread = {one.field for order in orders for one in _split([part for part in order if part not in alone])}
    whole = (HeldBack(field, _together(p for p in parts if p.field == field)) for field in sorted(spread))
    return (*(part for part in alone if part.field not in spread), *whole)


def _orders(parts: Sequence[HeldBack]) -> Iterator[list[HeldBack]]:
    """What a prompt may show one after the other: all, or a form without some fields; then the rest."""
    for gone in ((), ("description",), ("description", "parameters", "output_typing")):
        yield [part for part in parts if part.field not in (*gone, *_UNSHOWN)]
    for field in _UNSHOWN:
        yield [part for part in parts if part.field == field]


def _split(order: Sequence[HeldBack]) -> Iterator[HeldBack]:
    """Neighbours that make up a command together."""
    if not is_instruction(_together(order)):
        return
    for width in range(2, _WIDEST + 1):
        runs = [order[start : start + width] for start in range(len(order) - width + 1)]
        spread = [part for run in runs if is_instruction(_together(run)) for part in run]
        if spread:
            yield from spread
            return


def _together(parts: Iterable[HeldBack]) -> str:
    return " ".join(part.text for part in parts)


def is_instruction(text: str) -> bool:
    """Whether text tells its reader to give up its instructions, also through look-alike letters, spacing or base64."""
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
    return any(key in small for key in _KEYS)


@cache
def _pattern() -> re.Pattern[str]:
    return re.compile("|".join((*_ENGLISH, *_OTHERS)), re.IGNORECASE | re.MULTILINE)


def readings(text: str) -> set[str]:
    """What the text says to somebody who reads past the usual disguises."""
    bare = text if text.isascii() else _bare(text)
    spoken = re.sub(r"[_\-*~`]+", " ", bare)
    read = {bare, re.sub(r"[ \t]+", " ", spoken), re.sub(r"\s+", " ", spoken)}
    read.add(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", spoken))
    if not bare.isascii():
        read.add(re.sub(r"[^\W\d_]+", lambda word: word.group().translate(_LOOKALIKES), bare))
    spaced = _SPACED.sub(lambda run: re.sub(r"\W|_", "", run.group()), re.sub(r"[ \t]{2,}", " | ", bare))
    read.add(spaced.replace(" | ", " "))
    if not _DIGITS.isdisjoint(bare):
        read.add(re.sub(r"\b(?=\w*[a-z])[\w@$]+", lambda word: word.group().translate(_LEET), bare))
    return read.union(_decoded(bare))


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


def planted_words(prompt: str) -> frozenset[str]:
    """Content words of a task that belong to no problem, those aside that a note on any method may use.

    No list of phrases knows every way to say 'write this down'. But a note on a method has no need of a word that
    stands neither in the problem nor in its solution, and a poison has to put its words somewhere. So such words are
    found, however they are wrapped.
    """
    return (dictated_words(prompt) | words_beside(prompt)) - _METHOD_WORDS


def dictated_words(prompt: str) -> frozenset[str]:
    """Words that a task says only where it tells its reader what to say: a command that no pattern knows wants them."""
    dictated = " ".join(match.group() for match in _DICTATED.finditer(prompt))
    rest = content_words(_DICTATED.sub(" ", prompt))
    return frozenset(word for word in content_words(dictated) if len(word) > 3) - set(rest)


def words_beside(prompt: str) -> frozenset[str]:
    """Words that stand only where a task gives no number and asks nothing; a poison seldom does either.

    Empty for a task that is not mostly numbers and questions, by its words: there such sentences say what to do.
    """
    sentences = [part for part in re.split(r"(?<=[.!?])\s+|\n+", prompt) if part.strip()]
    core = [part for part in sentences if _OF_PROBLEM.search(part)]
    rest = [part for part in sentences if not _OF_PROBLEM.search(part)]
    if len(content_words(" ".join(core))) < len(content_words(" ".join(rest))):
        return frozenset()
    stems = {word[:_STEM] for part in core for word in content_words(part)}
    return frozenset(
        word for part in rest for word in content_words(part) if len(word) > 3 and word[:_STEM] not in stems
    )
