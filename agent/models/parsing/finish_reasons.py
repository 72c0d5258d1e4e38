"""Finish reasons: why a reply ended, in one vocabulary for all providers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

WHOLE = "stop"
CUT = "length"
FILTERED = "filter"
REFUSED = "refusal"
TOOL = "tool"
FAILED = "error"
UNFINISHED = "unfinished"
"""It stopped without a word, or with one that nobody knows."""

# The words of the providers' protocols, in one way of writing them. A word that is not here may mean anything, so what
# it ends is not taken for whole.
_PROVIDERS_WORDS = {
    WHOLE: "stop stopped stop_sequence stop_token stop_word stop_string eos eos_token eot end end_turn end_of_text "
    "endoftext end_of_sequence end_of_turn complete completed done finish finished normal success succeeded word",
    CUT: "length max_tokens max_output_tokens max_length max_len max_new_tokens max_completion_tokens model_length "
    "model_context_window_exceeded context_length_exceeded context_window_exceeded context_length incomplete limit "
    "length_limit token_limit time_limit error_limit truncated repetition",
    FILTERED: "filter content_filter content_filtered safety image_safety recitation blocklist prohibited_content spii "
    "language guardrail_intervened sensitive error_toxic",
    REFUSED: "refusal",
    TOOL: "tool tool_calls tool_call tool_use function_call malformed_function_call unexpected_tool_call "
    "too_many_tool_calls",
    FAILED: "error failed cancelled canceled user_cancel aborted abort network_error timeout interrupted preempted "
    "insufficient_system_resource pause_turn malformed_response other",
    UNFINISHED: "unfinished",
}
_WORDS = {word: reason for reason, words in _PROVIDERS_WORDS.items() for word in words.split()}
_NO_REASON = frozenset({"", "null", "none", "unspecified", "in_progress"})
_FIELDS = ("finish_reason", "stop_reason", "done_reason", "stopReason")
_PREFIX = re.compile(r"^(?:.*\.)?(?:finish_reason_|reason_)?")
_WORD_ENDS = re.compile(r"(?<=[a-z])(?=[A-Z])|[-\s]+")


def finish_reason_of(reason: str) -> str:
    """One of the words above for a provider's own."""
    return _WORDS.get(_plain(reason), UNFINISHED)


def finish_reason_in(metadata: Mapping[str, Any]) -> str | None:
    """Why a message ended, by what LangChain keeps beside it; None where that does not say."""
    details = metadata.get("incomplete_details")
    named = [metadata.get(field) for field in _FIELDS]
    named.append(details.get("reason") if isinstance(details, Mapping) else None)
    for reason in named:
        if isinstance(reason, str) and _plain(reason) not in _NO_REASON:
            return finish_reason_of(reason)
    status = metadata.get("status")  # a word that others use for other things
    if isinstance(status, str) and _plain(status) in _WORDS:
        return finish_reason_of(status)
    return WHOLE if metadata.get("done") is True else None


def worse(known: str | None, new: str | None) -> str | None:
    """Which of two finish reasons of one reply counts: the first that is not whole."""
    return new or known if known in (None, WHOLE) else known


def _plain(reason: str) -> str:
    """A word in one way of writing it: `FinishReason.MAX_TOKENS`, `maxTokens` and `max-tokens` are `max_tokens`."""
    return _PREFIX.sub("", _WORD_ENDS.sub("_", reason.strip()).casefold())
