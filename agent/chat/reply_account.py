"""What a reply is said to have cost and why it ended, in OpenAI's words: one account for every face of the agent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pilotage.agent.run import Run
from pilotage.agent.trace import Usage, total


def finish_reason(run: Run) -> str:
    """Why a reply ended, in OpenAI's words."""
    if run.cut:
        return "length"
    return "tool_calls" if run.tool_calls else "stop"


def usage_of(runs: Sequence[Run]) -> dict[str, Any]:
    """What all calls for a reply cost together.

    Completion tokens that are no part of what the client sees as content count as reasoning: what blocks wrote, and
    what the upstream's model thought. `cost` in US dollars is there where the price of every token is known.
    """
    spent = total(run.usage for run in runs)
    reasoning = spent.completion_tokens - sum(map(_visible_tokens, runs))
    return {
        "prompt_tokens": spent.prompt_tokens,
        "completion_tokens": spent.completion_tokens,
        "total_tokens": spent.total_tokens,
        "prompt_tokens_details": {"cached_tokens": spent.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": 0},
        **cost_of(spent),
    }


def cost_of(spent: Usage) -> dict[str, float]:
    """The field `cost`, where the cost is known."""
    return {} if spent.cost is None else {"cost": spent.cost}


def _visible_tokens(run: Run) -> int:
    """Completion tokens of what the client sees."""
    if not run.trace.steps:
        return 0
    last = run.trace.steps[-1]
    return last.usage.completion_tokens - last.unseen_tokens - last.usage.reasoning_tokens
