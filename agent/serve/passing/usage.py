"""Usage of what is passed through: as the upstream tells it, else as its stream shows; with its cost put beside it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import orjson

from pilotage.agent.account import charge
from pilotage.agent.chat.reply_account import cost_of
from pilotage.agent.models.parsing.token_usage import CHARACTERS_PER_TOKEN
from pilotage.agent.models.prices import Price
from pilotage.agent.trace import Usage
from pilotage.common.json_text import NotJson, read_json

_LONGEST_LINE = 2**20
_MOST_TOKENS = 10**8
"""Of a prompt or a reply that can be true: no model reads or writes nearly as many."""
_TEXTS = ("content", "reasoning_content", "reasoning", "refusal", "text", "arguments")
"""Fields that hold what a model wrote."""


def told(data: Any, *, wrote: bool = False) -> Usage | None:
    """The tokens that a reply, a chunk or an event says it took; None where it does not say, or it cannot be true.

    Args:
        data: what the upstream sent.
        wrote: whether the model is known to have written something, which takes a token at least.
    """
    usage = _usage_in(data)
    if usage is None:
        return None
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
    cached = _count(details, "cached_tokens") if isinstance(details, dict) else None
    prompt = _count(usage, "prompt_tokens", "input_tokens")
    completion = _count(usage, "completion_tokens", "output_tokens")
    if not prompt or completion is None or completion < wrote:
        return None
    return Usage(
        prompt_tokens=prompt, completion_tokens=completion, cached_tokens=min(cached or 0, prompt), llm_calls=1
    )


class Passed:
    """The account of one request that is passed through, from its beginning to its end.

    Args:
        prompt_tokens: an estimate of what is charged for reading, until the upstream tells better.
        price: of the tokens, where it is known; a usage that has no cost gets it by that.
        count: is told what the request has cost, at the end.
    """

    def __init__(self, prompt_tokens: int, price: Price | None, count: Callable[[Usage], None]) -> None:
        self._price = price
        self._count: Callable[[Usage], None] | None = count
        self._estimate = Usage(prompt_tokens=prompt_tokens, llm_calls=1, estimated_calls=1)
        self._charged = 0
        self._line = b""
        self._unreadable = self._told = self._wrote = False
        self._written = 0
        """Tokens of a stream that has told nothing yet."""
        self._usage = Usage(llm_calls=1)

    @property
    def usage(self) -> Usage:
        """What it has cost so far."""
        return self._usage.model_copy(update={"completion_tokens": self._written}) if self._written else self._usage

    def whole(self, body: bytes, *, good: bool) -> bytes:
        """A whole reply, with its cost; one that tells nothing is charged by the estimate, where it is a good one."""
        try:
            data = read_json(body)
        except NotJson:
            data = None
        written = _written(data)
        usage = told(data, wrote=written > 0)
        if usage is None and good:
            tokens = math.ceil(written / CHARACTERS_PER_TOKEN)
            usage = self._estimate.model_copy(update={"completion_tokens": tokens})
        self._take(usage or self._usage)
        return self._with_cost(data) or body

    def begin(self) -> None:
        """A stream begins: it may end at any time, so it is charged as it comes, a token an event."""
        self._take(self._estimate)

    def give_up(self) -> None:
        """Nobody waits for the reply any more; what it is taken to have cost is charged where nothing tells."""
        if not self._charged:
            self._take(self._estimate)

    def feed(self, piece: bytes) -> bytes:
        """The next bytes of a stream, as they are to be sent."""
        *lines, self._line = (self._line + piece).split(b"\n")
        sent = [self._read(line) for line in lines]
        if len(self._line) > _LONGEST_LINE:
            sent_early, self._line, self._unreadable = self._line, b"", True
            return b"".join(one + b"\n" for one in sent) + sent_early
        return b"".join(one + b"\n" for one in sent)

    def end(self) -> None:
        """The request is over, however it ended."""
        count, self._count = self._count, None
        if count is not None:
            count(self._priced(self.usage))

    def _read(self, line: bytes) -> bytes:
        if self._unreadable:  # the end of a line that was too long to be kept
            self._unreadable = False
            return line
        if not line.startswith(b"data:"):
            return line
        data: Any = None
        if b'"usage"' in line or not self._wrote:
            try:
                data = read_json(line[5:])
            except NotJson:
                data = None
        self._wrote = self._wrote or _written(data) > 0
        if (usage := told(data, wrote=self._wrote)) is not None:
            self._told = True
            self._take(usage)
        elif not self._told and line[5:].strip() != b"[DONE]":
            self._written += 1
            self._charged += 1
            charge(1)
        with_cost = self._with_cost(data)
        return line if with_cost is None else b"data: " + with_cost

    def _take(self, usage: Usage) -> None:
        self._usage, self._written = usage, 0
        charge(usage.total_tokens - self._charged)
        self._charged = usage.total_tokens

    def _priced(self, usage: Usage) -> Usage:
        return self._price.of(usage) if self._price is not None else usage

    def _with_cost(self, data: Any) -> bytes | None:
        """Data that tell usage, with the cost in it; None where that is not known, or stands there already."""
        usage = _usage_in(data)
        if self._price is None or usage is None or "cost" in usage:
            return None
        usage |= cost_of(self._priced(self.usage))
        try:
            return orjson.dumps(data)
        except orjson.JSONEncodeError:  # numbers of any size, halves of characters: better as they came
            return None


def _usage_in(data: Any) -> dict[str, Any] | None:
    """The usage of a reply or a chunk, or of the response in an event of the Responses API."""
    if not isinstance(data, dict):
        return None
    inner = data.get("response")
    usage = data.get("usage") or (inner.get("usage") if isinstance(inner, dict) else None)
    return usage if isinstance(usage, dict) else None


def _written(data: Any) -> int:
    """Characters that a model wrote, of what a reply, a chunk or an event of the Responses API holds."""
    if not isinstance(data, dict):
        return 0
    if isinstance(delta := data.get("delta"), str):
        return len(delta)
    inner = data.get("response")
    output = data.get("output") or (inner.get("output") if isinstance(inner, dict) else None)
    return _characters(data.get("choices")) + _characters(output)


def _characters(part: Any) -> int:
    """Of the texts in a part of a reply. Not by recursion: a part may be as deep as JSON goes."""
    parts, count = [part], 0
    while parts:
        match parts.pop():
            case list() as several:
                parts += several
            case dict() as fields:
                count += sum(len(text) for name in _TEXTS if isinstance(text := fields.get(name), str))
                parts += [one for one in fields.values() if isinstance(one, list | dict)]
    return count


def _count(counts: dict[str, Any], *names: str) -> int | None:
    """The first of these that is there, 0 where none is; None where it can be no number of tokens."""
    value = next((counts[name] for name in names if counts.get(name) is not None), 0)
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else None
