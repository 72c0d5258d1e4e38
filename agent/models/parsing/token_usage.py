"""Counting: the tokens of a call as its backend reports them, if that can be believed, else an estimate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from pilotage.agent.models.reply import Request
from pilotage.agent.trace import Usage

CHARACTERS_PER_TOKEN = 4

# What servers add unseen: a template around the messages and a system prompt of their own; thinking behind the text.
UNSEEN_PROMPT = 16_384
UNSEEN_REPLY = 32_768


USUAL_REPLY = 256
"""Tokens."""

UNREADABLE = {"input_tokens": -1, "output_tokens": -1, "total_tokens": -1}
"""What stands for an account that cannot be read, unlike none."""


class Reports:
    """The reports of usage in the messages of one call.

    LangChain's rule is that the reports of a stream's chunks add up. Servers that report in every chunk count from the
    beginning each time; they are known by the prompt, which they count more than once.
    """

    def __init__(self) -> None:
        self._reports: list[tuple[int, int, int, int] | None] = []

    def add(self, metadata: Any) -> None:
        """Takes in one message's `usage_metadata`; None is no report."""
        if metadata is not None:
            self._reports.append(_report(metadata))

    def add_openai(self, usage: Any) -> None:
        """Takes in the account of an answer in OpenAI's words, where no message told it; None is no report."""
        if usage is not None and not self._reports:
            self._reports.append(_report(_renamed(usage)))

    def usage(self, request: Request, text: str) -> Usage:
        """What the call cost in tokens, marked where it is an estimate."""
        return self._reported(request, text) or estimate(request, text)

    def _reported(self, request: Request, text: str) -> Usage | None:
        reports = [report for report in self._reports if report is not None]
        if not reports or len(reports) < len(self._reports):
            return None
        if sum(report[0] > 0 for report in reports) > 1:
            pairs = (zip(early, late, strict=True) for early, late in pairwise(reports))
            if any(late < early for pair in pairs for early, late in pair):
                return None
            reports = reports[-1:]
        prompt, completion, cached, thought = (sum(counts) for counts in zip(*reports, strict=True))
        if not _possible(request, text, prompt, completion, cached):
            return None
        return Usage(
            prompt_tokens=prompt,
            completion_tokens=completion,
            cached_tokens=cached,
            llm_calls=1,
            reasoning_tokens=min(thought, completion),
        )


def estimate(request: Request, text: str) -> Usage:
    """Tokens of a call that nobody counted, at four characters each."""
    return Usage(
        prompt_tokens=math.ceil(len(request.prompt) / CHARACTERS_PER_TOKEN),
        completion_tokens=math.ceil(len(text) / CHARACTERS_PER_TOKEN),
        llm_calls=1,
        estimated_calls=1,
    )


def expected_tokens(request: Request) -> int:
    """What a call is taken to need before it is made: few replies are as long as they may be."""
    return estimate(request, "").prompt_tokens + min(request.max_tokens, USUAL_REPLY)


def _renamed(usage: Any) -> Any:
    """An account in OpenAI's words in those of LangChain."""
    if not isinstance(usage, Mapping):
        return None
    read, wrote = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    return {
        "input_tokens": usage.get("prompt_tokens"),
        "output_tokens": usage.get("completion_tokens"),
        "input_token_details": {"cache_read": read.get("cached_tokens")} if isinstance(read, Mapping) else None,
        "output_token_details": {"reasoning": wrote.get("reasoning_tokens")} if isinstance(wrote, Mapping) else None,
    }


def _report(metadata: Any) -> tuple[int, int, int, int] | None:
    """Tokens of the prompt, the completion, the prompt's cached part and the completion's thinking.

    None where they cannot be read.
    """
    if not isinstance(metadata, Mapping):
        return None
    details = metadata.get("input_token_details")
    prompt, completion = token_count(metadata.get("input_tokens")), token_count(metadata.get("output_tokens"))
    cached = token_count(details.get("cache_read") or 0) if isinstance(details, Mapping) else 0
    beside = metadata.get("output_token_details")
    thought = token_count(beside.get("reasoning") or 0) if isinstance(beside, Mapping) else 0
    return (
        None if prompt is None or completion is None or cached is None else (prompt, completion, cached, thought or 0)
    )


def _possible(request: Request, text: str, prompt: int, completion: int, cached: int) -> bool:
    """Whether these counts can be true: a token is a byte at least, and both sides have some."""
    read = _bytes(request.prompt)
    return (
        1 <= prompt <= 2 * read + UNSEEN_PROMPT
        and bool(text) <= completion <= 2 * max(request.max_tokens, _bytes(text)) + UNSEEN_REPLY
        and cached <= prompt
    )


def token_count(value: Any) -> int | None:
    """A number of tokens as a backend tells it; None where it is none."""
    return value if type(value) is int and value >= 0 else None


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
