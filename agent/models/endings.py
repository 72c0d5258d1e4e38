"""Endings: why a reply ended, in one vocabulary for all providers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WHOLE = "stop"
CUT = "length"
FILTERED = "filter"
REFUSED = "refusal"
TOOL = "tool"
FAILED = "error"
UNFINISHED = "unfinished"
"""A stream that stopped without a word."""

# The words of the providers' protocols, without the difference between cases. A word that none of them uses ends a
# reply that is whole, as `eos` or `end_turn` do.
_SAID = {
    CUT: "length max_tokens max_output_tokens max_length model_length model_context_window_exceeded incomplete "
    "error_limit truncated",
    FILTERED: "filter content_filter content_filtered safety image_safety recitation blocklist prohibited_content spii "
    "language guardrail_intervened sensitive error_toxic",
    REFUSED: "refusal",
    TOOL: "tool tool_calls tool_call tool_use function_call malformed_function_call unexpected_tool_call "
    "too_many_tool_calls",
    FAILED: "error failed cancelled canceled user_cancel aborted abort network_error timeout "
    "insufficient_system_resource pause_turn malformed_response other",
    UNFINISHED: "unfinished",
}
_WORDS = {word: ending for ending, words in _SAID.items() for word in words.split()}
_UNSAID = frozenset({"", "null", "none", "finish_reason_unspecified", "in_progress"})
_FIELDS = ("finish_reason", "stop_reason", "done_reason", "stopReason")


def ending(reason: str) -> str:
    """One of the words above for a provider's own."""
    return _WORDS.get(reason.casefold(), WHOLE)


def told_by(metadata: Mapping[str, Any]) -> str | None:
    """Why a message ended, by what LangChain keeps beside it; None where that does not say."""
    details = metadata.get("incomplete_details")
    named = [metadata.get(field) for field in _FIELDS]
    named += [details.get("reason") if isinstance(details, Mapping) else None, metadata.get("status")]
    for reason in named:
        if isinstance(reason, str) and reason.casefold() not in _UNSAID:
            return ending(reason)
    return None
