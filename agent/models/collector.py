"""Collector: puts a reply together from LangChain messages, whole or in chunks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from agent.models.reply import Reply, Request, TokenLogprob
from agent.trace import Usage

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

CHARACTERS_PER_TOKEN = 4


class Collector:
    """Adds up text, token log-probabilities, usage and finish reason of one call."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._logprobs: list[TokenLogprob] = []
        self._usage: Usage | None = None
        self._finish_reason = ""

    def add(self, message: BaseMessage) -> str:
        """Takes in one message or chunk; returns the text it brought."""
        text = str(message.text)
        self._texts.append(text)
        metadata = message.response_metadata
        for entry in (metadata.get("logprobs") or {}).get("content") or ():
            self._logprobs.append(_token(entry))
        reason = metadata.get("finish_reason") or metadata.get("stop_reason") or metadata.get("done_reason")
        self._finish_reason = str(reason) if reason else self._finish_reason
        counted = getattr(message, "usage_metadata", None)
        if counted:
            details = counted.get("input_token_details") or {}
            self._usage = (self._usage or Usage()) + Usage(
                prompt_tokens=counted.get("input_tokens", 0),
                completion_tokens=counted.get("output_tokens", 0),
                cached_tokens=details.get("cache_read", 0) or 0,
            )
        return text

    def reply(self, request: Request, model: str, seconds: float) -> Reply:
        """The reply so far, as the result of one call that took `seconds`."""
        text = "".join(self._texts)
        counted = self._usage or _estimate(request, text)
        return Reply(
            text=text,
            usage=counted.model_copy(update={"llm_calls": 1, "seconds": seconds}),
            finish_reason=self._finish_reason or "stop",
            model=model,
            logprobs=tuple(self._logprobs) or None,
            estimated=self._usage is None,
        )


class TokenRelay:
    """Passes streamed text on once, also when a retry streams the same text from its beginning again.

    Where the retry's text differs from what was shown, nothing more is shown: the reply is what counts.
    """

    def __init__(self, on_token: Callable[[str], None]) -> None:
        self._on_token = on_token
        self._shown = ""
        self._attempt = ""

    def restart(self) -> None:
        """A new attempt begins."""
        self._attempt = ""

    def add(self, text: str) -> None:
        """Shows the part of `text` that is new."""
        self._attempt += text
        fresh = self._attempt[len(self._shown) :]
        if fresh and self._attempt.startswith(self._shown):
            self._shown = self._attempt
            self._on_token(fresh)


def _token(entry: dict[str, Any]) -> TokenLogprob:
    top = tuple((other["token"], other["logprob"]) for other in entry.get("top_logprobs") or ())
    return TokenLogprob(token=entry["token"], logprob=entry["logprob"], top=top)


def _estimate(request: Request, text: str) -> Usage:
    prompt = sum(len(message.content) for message in request.messages)
    return Usage(
        prompt_tokens=math.ceil(prompt / CHARACTERS_PER_TOKEN),
        completion_tokens=math.ceil(len(text) / CHARACTERS_PER_TOKEN),
    )
