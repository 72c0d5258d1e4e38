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

# The words of the providers' protocols, without the difference between cases; what none of them uses ends a reply
# that is whole, such as `eos` or `end_turn`.
_WORDS = {
    **dict.fromkeys(("length", "max_tokens", "max_output_tokens", "model_length", "incomplete"), CUT),
    **dict.fromkeys(("model_context_window_exceeded", "max_length"), CUT),
    **dict.fromkeys(("filter", "content_filter", "content_filtered", "safety", "recitation", "blocklist"), FILTERED),
    **dict.fromkeys(("prohibited_content", "spii", "guardrail_intervened", "sensitive"), FILTERED),
    "refusal": REFUSED,
    **dict.fromkeys(("tool", "tool_calls", "tool_use", "tool_call", "function_call"), TOOL),
    **dict.fromkeys(("malformed_function_call", "unexpected_tool_call"), TOOL),
    **dict.fromkeys(("error", "failed", "cancelled", "aborted", "abort", "network_error", "timeout"), FAILED),
    **dict.fromkeys(("insufficient_system_resource", "pause_turn"), FAILED),
}
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
