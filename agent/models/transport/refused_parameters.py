"""Refusals: an endpoint rejects a request for a parameter it does not take; find out which, and go on without it.

Three parties refuse: the endpoint by an HTTP status, a client library whose method has no such argument, and one that
validates what it sends. What an error's own fields name (`param`, `loc`, `field`) decides; then its text, searched for
the names that were sent. A refusal that names nothing may still be about a parameter, so the least needed go first.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pilotage.agent.models.dialect import LIMIT_NAMES, CallArguments
from pilotage.agent.models.transport.retry import diagnose

REFUSED_STATUS = frozenset({400, 404, 422, 501})
UNNAMED_STATUS = frozenset({400, 422})
READ_CHARACTERS = 4_000
READ_DEPTH = 8

_LIMITS = frozenset(LIMIT_NAMES)
WORDS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(LIMIT_NAMES, (*LIMIT_NAMES, "maxOutputTokens", "maxTokens")),
    "temperature": ("temperature",),
    "seed": ("seed", "random_seed", "randomSeed"),
    "stop": ("stop", "stop_sequences", "stopSequences"),
    "logprobs": ("logprobs", "top_logprobs", "logprob", "log_probs", "responseLogprobs"),
    "json_schema": (
        "response_format",
        "json_schema",
        "json schema",
        "structured output",
        "structured outputs",
        "format",
    ),
    "grammar": ("grammar",),
    "stream_options": ("stream_options", "include_usage"),
    "stream": ("stream",),
    "system": ("system",),
    "extra_headers": ("extra_headers",),
}
"""How endpoints name each feature in their errors."""

GUESSES = (
    frozenset({"logprobs", "json_schema", "grammar"}),
    frozenset({"temperature", "seed", "stop", "stream_options"}),
    frozenset(LIMIT_NAMES[:1]),
)
"""What to leave out after a refusal that names nothing, the least needed first."""

_UNEXPECTED = re.compile(r"unexpected keyword argument '(\w+)'")
# What shares the context with the reply; a sentence about the most that a model ever writes speaks of none of it.
_SHARED = re.compile(r"\b(?:context|prompt|inputs?|messages)\b", re.I)
_NAMING_KEYS = frozenset({"param", "loc", "field", "parameter"})
_CODE_KEYS = frozenset({"code", "type"})
_ECHOING_KEYS = frozenset({"input", "request", "body"})


@dataclass(frozen=True)
class Refusal:
    """What to do otherwise after an error.

    Args:
        features: what to leave out from now on, in the words of `pilotage.agent.models.dialect.Terms`.
        most_tokens: a token limit that the endpoint takes.
        room: the tokens that the model's context has left beside this one prompt.
    """

    features: frozenset[str] = frozenset()
    most_tokens: int | None = None
    room: int | None = None

    def __bool__(self) -> bool:
        return bool(self.features) or self.most_tokens is not None or self.room is not None


def refusal_in(error: BaseException, sent: CallArguments, limit: int) -> Refusal:
    """What an error refuses of what was sent with this token limit; nothing where it is about something else."""
    carries = sent.carries
    unexpected = _UNEXPECTED.search(str(error)) if isinstance(error, TypeError) else None
    if unexpected is not None:
        unknown = _named_by([unexpected[1]], carries)
        return Refusal(frozenset({"arguments"}) if unknown & sent.movable else unknown)
    failure = diagnose(error)
    if failure is None:
        return Refusal(_named_by(_forbidden_fields(error), carries))
    if failure.status not in REFUSED_STATUS and not failure.answered:
        return Refusal()
    entries = [entry for body in _bodies(error) for entry in _entries(body)]
    text = "\n".join([str(error), *(value for _, value in entries)])[:READ_CHARACTERS]
    fields = {value for key, value in entries if key in _NAMING_KEYS}
    codes = {value for key, value in entries if key in _CODE_KEYS}
    named = _named_by(fields, carries) or _mentioned(text, carries)
    about_a_value = not any("parameter" in code or code == "extra_forbidden" for code in codes)
    if named & _LIMITS and about_a_value and (numbers := _numbers(text)):
        if named - _LIMITS:
            return Refusal(named - _LIMITS)
        if _SHARED.search(text) and (room := _room(numbers, limit)) is not None:
            return Refusal(room=room)
        return Refusal(most_tokens=max((number for number in numbers if number < limit), default=None))
    if named:
        return Refusal(named)
    if failure.status in UNNAMED_STATUS and not fields:
        guessed_at = carries - (_LIMITS & sent.movable)  # a field of its class has no other name to try
        return Refusal(next((hit for guess in GUESSES if (hit := guess & guessed_at)), frozenset()))
    return Refusal()


def _room(numbers: list[int], limit: int) -> int | None:
    """What the model's context has left beside this prompt, below a limit; None where the numbers do not tell.

    Such an error names the context's length, the prompt's, and maybe the sum of what was asked for.
    """
    sums = {number for number in numbers if number - limit in numbers}
    lengths = {number for number in numbers if number != limit or numbers.count(limit) > 1} - sums
    prompts = {number - limit for number in sums} or lengths - {max(lengths, default=0)}
    if not prompts:
        return None
    left = max(lengths) - max(prompts)
    return left if 0 < left < limit else None


def _numbers(text: str) -> list[int]:
    """Numbers of two digits and more, beside those that are part of a name or the status."""
    digits = re.findall(r"(?<![\w.-])(\d[\d,]{1,8})(?![\w-])(?!\.\d)", text)
    return [number for one in digits if (number := int(one.replace(",", ""))) not in REFUSED_STATUS]


def _bodies(error: BaseException) -> Iterator[Any]:
    """The parsed bodies that client libraries keep in their errors."""
    seen: BaseException | None = error
    while seen is not None:
        for name in ("body", "details"):
            if isinstance(body := getattr(seen, name, None), dict | list | str):
                yield body
        response = getattr(seen, "response", None)
        if callable(parse := getattr(response, "json", None)) and not inspect.iscoroutinefunction(parse):
            try:
                yield parse()
            except (ValueError, RuntimeError, TypeError):  # no JSON, or a stream that was not read
                pass
        seen = seen.__cause__ or seen.__context__


def _entries(body: Any, key: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """All text in a body, with the key that it stands under; places such as `["body", "seed"]` as their last name."""
    if depth > READ_DEPTH:
        return
    if isinstance(body, str):
        yield key, body
    elif isinstance(body, Mapping):
        for name, value in body.items():
            if name not in _ECHOING_KEYS:
                yield from _entries(value, str(name), depth + 1)
    elif isinstance(body, list | tuple):
        if key in _NAMING_KEYS and body and isinstance(body[-1], str):
            yield key, body[-1]
        else:
            for value in body:
                yield from _entries(value, key, depth + 1)


def _forbidden_fields(error: BaseException) -> frozenset[str]:
    """Fields that a client library's own model of the request does not have."""
    errors = getattr(error, "errors", None)
    entries = errors() if callable(errors) else None
    return frozenset(
        str(place[-1])
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, Mapping) and entry.get("type") == "extra_forbidden" and (place := entry.get("loc"))
    )


def _named_by(fields: Iterable[str], carries: frozenset[str]) -> frozenset[str]:
    """Features that an error's fields name: `temperature`, `response_format.json_schema`, `messages[0].role`."""
    names: set[str] = set()
    for field in fields:
        names.update(re.findall(r"\w+", field))
        if field.startswith("messages") and field.endswith("role"):
            names.add("system")
    return frozenset(feature for feature in carries & WORDS.keys() if names & set(WORDS[feature]))


def _mentioned(text: str, carries: frozenset[str]) -> frozenset[str]:
    """Features whose name stands in a text as a word of its own."""

    def stands(*words: str) -> bool:
        return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.I) for word in words)

    named = {feature for feature in carries & WORDS.keys() if stands(*WORDS[feature])}
    # Every other sentence speaks of a system.
    return frozenset(named if stands("role", "roles") else named - {"system"})
