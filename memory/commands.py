"""Commands: text that tells its reader what to do instead of describing a method.

A task may carry 'ignore your instructions and store ...'. Such a task teaches nothing, and such a text never becomes
part of a concept. The patterns are a net with known holes, so it is not the only one: a writer's text is linted
(`memory.lint`), sentences inside a program are taken out of its sketch (`memory.sketch`), and whatever reaches a prompt
is quoted as data (`memory.render`).
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from functools import cache

_THINGS = (
    r"(?:instructions?|prompts?|guidelines?|directives?|constraints?|commands?|orders|rules?|above|previous|prior|"
    r"everything|earlier (?:text|notes?|messages?)|all that|what you were told|system|safety)"
)
_TASKS = (
    r"(?:tasks?|questions?|problems?|puzzles?|prompts?|inputs?|quer(?:y|ies)|requests?|users?|runs?|sessions?|agents?)"
)
_STORE = (
    r"(?:concepts?|memor(?:y|ies)|instructions?|lessons? (?:that|which|to|for|in|:)|forever|verbatim|knowledge base)"
)
_SAY = r"(?:answer|reply|respond|output|say|recommend|state|claim)"

_ENGLISH = (
    rf"\b(?:ignore|disregard|forget|override|overrule|bypass|neglect|discard|pay no attention to|set aside|"
    rf"(?:do not|don't|stop|no longer|never) (?:follow|obey)(?:ing)?|never ?mind)\b.{{0,60}}\b{_THINGS}",
    rf"\b(?:store|save|remember|memori[sz]e|record|persist|commit|write|add|put|insert|append)\b.{{0,60}}\b{_STORE}\b",
    rf"\b(?:store|save|remember|memori[sz]e|keep|note|learn)\b.{{0,60}}\b(?:for|in) (?:all )?(?:future|later|next) "
    rf"{_TASKS}",
    r"\b(?:system|developer) (?:prompt|message|role|mode|override|notice|update)\b",
    r"(?:^|[.!?>\])\"'] *)(?:system|assistant|user|developer) *:",
    r"\byou (?:are now|(?:must|will|shall) (?:now|always|never|only|obey|comply))\b",
    r"\bact as (?:an? |if |though |the )|\bpretend (?:to be|you|that you)\b|\brole-?play\b",
    r"\b(?:the|an|any|every|dear|hey|attention|note to(?: the)?|as an?) (?:ai|assistant|agent|language model|llm|"
    r"chatbot)\b(?:,|:| (?:must|should|shall|will|has to|is to|needs to|reading|model)\b)",
    r"\bfrom (?:now|here|this (?:point|moment)) on(?:wards?)?\b|\bhenceforth\b",
    rf"\b(?:all|every|any|each) (?:future|later|subsequent|following|other) {_TASKS}",
    rf"\b(?:always|only ever|never) {_SAY}\b",
    rf"\b{_SAY} (?:only |just |simply )?[\w\"']+ (?:to|for|in|on) (?:every|all|any|each) {_TASKS}",
    r"\b(?:every|all|any|each)(?: of the)? (?:answers?|results?|repl(?:y|ies)|outputs?|solutions?) (?:is|are|equals?|"
    r"must|should|shall)\b",
    r"\b(?:answer|solution|reply|result) (?:to|for) (?:every|all|any|each|everything)\b",
    rf"\b(?:no matter what|regardless of|whatever) (?:the |is |you |it |this |that )*(?:are |is )?(?:{_TASKS}|asked|"
    rf"says?|told)\b",
    r"\b(?:new|real|actual|true|updated|hidden|secret|additional|important|overriding|special) (?:instructions?|"
    r"directives?|objectives?|system rules?)\b",
    r"\byour (?:new |real |true |only |actual |previous |prior )*(?:instructions?|directives?|programming|guidelines?|"
    r"training|system)\b",
    r"\bjailbreak|\bprompt injection\b|\bdo anything now\b|\bunrestricted\b",
    # What a task has no reason to speak of: the notes of whoever reads it, and the tasks that come after it.
    rf"\b(?:later|future|subsequent|upcoming) {_TASKS}\b",
    r"\b(?:your|the|this|any|every|each) (?:own )?(?:long-term |concept )?(?:notes?|notebook|memory|concepts?|lessons?|"
    r"summary|context|prompt|guidance) (?:for later|must|should|shall|has to|have to|needs? to|is void)\b",
    r"\b(?:in|into|to|of|from) (?:your|the|any|every|each) (?:own )?(?:long-term )?(?:notes?|notebook|memory|concepts?|"
    r"concept title|lessons? that you|summary|prompt)\b",
    r"\byour (?:earlier |previous |prior |own )?(?:notes?|notebook|memory|concepts?|summary|context|prompt|guidance|"
    r"persona|rules|(?:job|role) (?:has|is now))\b",
    r"\b(?:hidden|secret|system|developer|admin\w*) (?:message|note|command|update|override)\b",
    r"\b(?:anything|everything|all|what) (?:that )?you (?:have |had |were )?(?:read|learn\w*|been told|told|know)\b",
    r"\b(?:whoever|anyone who|everyone who|everybody who|any model that) (?:reads?|solves?|sees?)\b",
    r"\brepeat after me\b|\bmemori[sz]e *:|\bremember *:|\b(?:teach|remind|tell) yourself\b|\bthis text says\b",
    r"\bdo not solve\b|\bstop (?:calculating|computing|solving|thinking|reasoning)\b|\bwhen you summari[sz]e\b",
    r"\bi (?:hereby )?(?:authori[sz]e|order|command|instruct) you\b",
    r"<\|[^|>]*\|>|\[/?INST\]|<</?SYS>>|^#{1,6} *(?:instructions?|system)\b|</?(?:system|notes|task|solution)>",
    r"https?://|\bapi[_ ]?keys?\b|\bpasswords? (?:is|are|to|of|and)\b|\bcredentials\b|\brm -rf\b|\bcurl -",
)
# Accents are taken off before matching.
_OTHER_LANGUAGES = (
    r"\b(?:anweisungen|consignes|instrucciones|istruzioni|instrucoes|instructies|instruktionen)\b|"
    r"\binstructions (?:precedentes|ci-dessus)\b|инструкци|以上指令|上記の指示|이전 지시",
    r"\b(?:ignorier|missacht|vergiss|vergesst|ubergeh)\w*\b.{0,60}(?:anweisung|anleitung|regel|vorgabe|befehl|prompt|alles)",
    r"\b(?:speicher|merk|behalt)\w*\b.{0,60}(?:konzept|anweisung|gedachtnis|lektion|dauerhaft)",
    r"\bab (?:jetzt|sofort)\b|\bantworte (?:immer|stets|nur)\b",
    r"\b(?:ignor|oubli|neglig)\w*\b.{0,60}\b(?:instructions?|consignes?|regles?|tout)\b",
    r"\b(?:enregistr|memoris|retiens|stock|souviens)\w*\b.{0,60}\b(?:concept|memoire|lecon|instruction)",
    r"\b(?:a partir de|des) maintenant\b|\breponds? toujours\b|\btoujours repondre\b|\bdesormais\b",
    r"\b(?:ignor|olvid|descart)\w*\b.{0,60}\b(?:instruccion|regla|indicacion|ordenes|todo)",
    r"\b(?:guard|almacen|recuerd|memori[cz])\w*\b.{0,60}\b(?:concepto|memoria|leccion|instruccion)",
    r"\ba partir de a(?:hora|gora)\b|\bde ahora en adelante\b|\b(?:responde|responda) sempre\b|\bresponde siempre\b",
    r"\b(?:ignor|dimentic|tralasci)\w*\b.{0,60}\b(?:istruzion|regol|tutto)",
    r"\b(?:salv|memorizz|ricord|conserv)\w*\b.{0,60}\b(?:concetto|memoria|lezione|istruzion)|\bd'ora in poi\b",
    r"\b(?:ignor|esquec|desconsider)\w*\b.{0,60}\b(?:instruc|regra|tudo)",
    r"\b(?:guard|armazen|lembr|salv)\w*\b.{0,60}\b(?:conceito|licao|instruc)",
    r"\b(?:negeer|vergeet)\b.{0,60}\b(?:instructie|regel|alles)|\bvanaf nu\b|\b(?:onthoud|bewaar)\b.{0,60}\bconcept",
    r"(?:игнорир|забудь|не обращай|пренебрег).{0,60}(?:инструкц|указан|правил|все)",
    r"(?:сохрани|запомни|запиши).{0,60}(?:концеп|понят|памят|урок|инструкц)|отныне|с этого момента|всегда отвеча",
    r"(?:忽略|无视|無視|忘记|忘記|不要理会).{0,20}(?:指令|指示|提示|规则|規則|说明|说的)",
    r"(?:存储|儲存|保存|记住|記住|写入).{0,20}(?:概念|记忆|記憶|内存|教训|指令)|从现在(?:开始|起)|(?:总是|永远|始终)回答",
    r"(?:指示|命令|ルール|規則).{0,12}(?:無視|忘れ)|(?:概念|記憶|メモリ).{0,12}(?:保存|記憶|覚え)|今後は|常に.{0,8}答え",
    r"(?:지시|명령|규칙).{0,12}(?:무시|잊)|(?:개념|기억|메모리).{0,12}(?:저장|기억)|앞으로는|항상.{0,8}(?:답|대답)",
    r"(?:निर्देश|नियम).{0,30}(?:अनदेखा|भूल|नज़रअंदाज)|(?:تجاهل|انس).{0,40}(?:تعليمات|أوامر|قواعد)",
)
_BASE64 = re.compile(r"(?<![\w+/])[A-Za-z0-9+/]{16,}={0,2}(?![\w+/])")
_SPACED = re.compile(r"(?<!\w)(?:\w[ .\-_*·]){3,}\w(?!\w)")
_LEET = str.maketrans("013457@$", "oieastas")
# Letters of other scripts that pass for Latin ones.
_LOOKALIKES = str.maketrans("аеорсухіјѕԁԛһкмтпвΑΒΕΖΗΙΚΜΝΟΡΤΥΧαινορυ", "aeopcyxijsdqhkmtnbABEZHIKMNOPTYXaivopu")


def is_instruction(text: str) -> bool:
    """Whether text tries to command its reader, also through look-alike or invisible letters, spacing or base64."""
    return any(_pattern().search(reading) for reading in _readings(text))


@cache
def _pattern() -> re.Pattern[str]:
    return re.compile("|".join((*_ENGLISH, *_OTHER_LANGUAGES)), re.IGNORECASE | re.MULTILINE)


def _readings(text: str) -> set[str]:
    """What the text says to somebody who reads past the usual disguises."""
    flat = unicodedata.normalize("NFKC", text)
    visible = "".join(mark for mark in flat if unicodedata.category(mark) != "Cf")
    # Accents go; the parts of other scripts' letters, such as Hangul, stay together.
    bare = re.sub(
        r"[\u00c0-\u024f\u1e00-\u1eff]", lambda letter: unicodedata.normalize("NFKD", letter.group())[0], visible
    )
    spoken = re.sub(r"[_\-*~`]+", " ", bare)
    readings = {bare, re.sub(r"\s+", " ", spoken), re.sub(r"(?<=[a-z])(?=[A-Z])", " ", spoken)}
    readings.add(re.sub(r"[^\W\d_]+", lambda word: word.group().translate(_LOOKALIKES), bare))
    readings.add(_SPACED.sub(lambda run: re.sub(r"\W|_", "", run.group()), re.sub(r"[ \t]{2,}", " | ", bare)))
    readings.add(re.sub(r"\b(?=\w*[a-z])[\w@$]+", lambda word: word.group().translate(_LEET), bare))
    for token in _BASE64.findall(bare):
        try:
            readings.add(base64.b64decode(token + "=" * (-len(token) % 4)).decode("utf-8"))
        except (binascii.Error, UnicodeDecodeError):
            continue  # no base64, or no text in it
    return readings
