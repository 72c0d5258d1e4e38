"""Planted words: those of a task that have no part in its problem, so that no concept may be learnt with them."""

from __future__ import annotations

import re

from pilotage.memory.text.words import content_words, stem

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


def planted_words(prompt: str) -> frozenset[str]:
    """Content words of a task that belong to no problem, those aside that a note on any method may use.

    No list of phrases knows every way to say 'write this down'. But a note on a method has no need of a word that
    stands neither in the problem nor in its solution, and a poison has to put its words somewhere. So such words are
    found, however they are wrapped.
    """
    return (_dictated_words(prompt) | _words_beside(prompt)) - _METHOD_WORDS


def _dictated_words(prompt: str) -> frozenset[str]:
    """Words that a task says only where it tells its reader what to say: a command that no pattern knows wants them."""
    dictated = " ".join(match.group() for match in _DICTATED.finditer(prompt))
    rest = content_words(_DICTATED.sub(" ", prompt))
    return frozenset(word for word in content_words(dictated) if len(word) > 3) - set(rest)


def _words_beside(prompt: str) -> frozenset[str]:
    """Words that stand only where a task gives no number and asks nothing; a poison seldom does either.

    Empty for a task that is not mostly numbers and questions, by its words: there such sentences say what to do.
    """
    sentences = [part for part in re.split(r"(?<=[.!?])\s+|\n+", prompt) if part.strip()]
    core = [part for part in sentences if _OF_PROBLEM.search(part)]
    rest = [part for part in sentences if not _OF_PROBLEM.search(part)]
    if len(content_words(" ".join(core))) < len(content_words(" ".join(rest))):
        return frozenset()
    stems = {stem(word) for part in core for word in content_words(part)}
    return frozenset(word for part in rest for word in content_words(part) if len(word) > 3 and stem(word) not in stems)
