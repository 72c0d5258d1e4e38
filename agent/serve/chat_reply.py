"""Chat replies: completions and chunks in OpenAI's form, whole and true."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pilotage.agent.chat.reply_account import finish_reason, usage_of
from pilotage.agent.errors import BudgetExceeded
from pilotage.agent.messages import ToolCall
from pilotage.agent.run import Run


def completion_id() -> str:
    """A new id."""
    return f"chatcmpl-{secrets.token_hex(16)}"


@dataclass(frozen=True)
class Envelope:
    """What is the same in every chunk of a reply: its id, the model's name, when it was made.

    Attributes:
        counts: whether the usage comes last in a stream; all other chunks say then that they have none.
    """

    model: str
    counts: bool = False
    id: str = field(default_factory=completion_id)
    created: int = field(default_factory=lambda: int(time.time()))

    def completion(self, runs: Sequence[Run], reasoning: Sequence[str]) -> dict[str, Any]:
        """The whole completion, a choice for each run."""
        return {
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [
                {
                    "index": index,
                    "message": message_of(run, reasoning[index]),
                    "logprobs": None,
                    "finish_reason": finish_reason(run),
                }
                for index, run in enumerate(runs)
            ],
            "usage": usage_of(runs),
        }

    def chunk(self, delta: dict[str, Any], *, index: int = 0, finish_reason: str | None = None) -> dict[str, Any]:
        """One chunk of a stream."""
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return self._chunk([choice])

    def usage_chunk(self, runs: Sequence[Run]) -> dict[str, Any]:
        """The last chunk of a stream whose client asked for the usage."""
        return {**self._chunk([]), "usage": usage_of(runs)}

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        chunk = {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }
        return {**chunk, "usage": None} if self.counts else chunk


def message_of(run: Run, reasoning: str) -> dict[str, Any]:
    """The assistant's message, with what was thought and worked out beside it."""
    calls = [call.openai() for call in run.tool_calls]
    message: dict[str, Any] = {"role": "assistant", "content": run.answer if run.answer or not calls else None}
    message["refusal"] = None
    if reasoning:
        message |= {"reasoning_content": reasoning, "reasoning": reasoning}
    if calls:
        message["tool_calls"] = calls
    return message


def require_reply(run: Run) -> None:
    """Raises BudgetExceeded where a limit ended a run before anything of its reply was there."""
    if run.answer is None and not run.tool_calls:
        note = run.trace.steps[-1].evidence.note if run.trace.steps else ""
        raise BudgetExceeded(run.stopped_by, note or "a limit of the run was reached before its reply")


def thought(text: str) -> dict[str, str]:
    """A delta of reasoning, under both names that clients look for."""
    return {"reasoning_content": text, "reasoning": text}


def called(calls: Sequence[ToolCall]) -> dict[str, Any]:
    """A delta of tool calls, each whole."""
    return {"tool_calls": [{"index": index, **call.openai()} for index, call in enumerate(calls)]}
