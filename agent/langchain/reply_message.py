"""Reply messages: what an agent's run came to, as LangChain's message, whole or in chunks."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, InvalidToolCall
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.messages.tool import ToolCall as LangChainCall
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.output_parsers.openai_tools import make_invalid_tool_call, parse_tool_call

from pilotage.agent import events
from pilotage.agent.chat.progress import Progress, told_afterwards
from pilotage.agent.chat.reply_account import finish_reason, usage_of
from pilotage.agent.run import Run
from pilotage.agent.trace import Step

PROVIDER = "pilotage"


def model_name(name: str) -> str:
    """What a message says that wrote it, beside which the calls of the model inside are counted by their own name."""
    return f"{PROVIDER}:{name}"


def message_of(run: Run, *, progress: bool) -> AIMessage:
    """The whole message. What was thought and worked out is its `additional_kwargs["reasoning_content"]`.

    Args:
        run: of a conversation.
        progress: whether the work of the blocks is told beside the model's own thinking.
    """
    reasoning = (told_afterwards(run) if progress else "") + run.thinking
    calls, invalid = _calls(run)
    return AIMessage(
        content=run.answer or "",
        additional_kwargs=_thought(reasoning) if reasoning else {},
        tool_calls=calls,
        invalid_tool_calls=invalid,
        usage_metadata=_usage(run),
        response_metadata=_about(run),
    )


class Chunks:
    """The events of one run as chunks of its message.

    Args:
        terminal: name of the block that writes the reply.
        progress: as for `message_of`.
    """

    def __init__(self, terminal: str, *, progress: bool) -> None:
        self._terminal = terminal
        self._progress = Progress(terminal) if progress else None
        self._replied = False
        self._blocks = 0
        self._kind = ""

    def of(self, event: events.Event) -> AIMessageChunk | None:
        """The chunk of an event; None where it is not worth one. The last has the usage and how the reply ended."""
        if isinstance(event, events.Token):
            return self._text(event.text) if event.block == self._terminal else None
        if isinstance(event, events.Thought):
            return self._reasoning(event.text)
        if isinstance(event, events.Finished):
            about, usage = _about(event.run), _usage(event.run)
            return AIMessageChunk(content="", usage_metadata=usage, response_metadata=about, chunk_position="last")
        if isinstance(event, events.Stepped) and event.step.block == self._terminal:
            self._replied = True
            return self._called(event.step)
        if self._progress is None or self._replied or not (line := self._progress.line(event)):
            return None
        return self._reasoning(line)

    def _text(self, text: str) -> AIMessageChunk:
        self._of_kind("text")
        return AIMessageChunk(content=text)

    def _reasoning(self, text: str) -> AIMessageChunk:
        self._of_kind("reasoning")
        return AIMessageChunk(content="", additional_kwargs=_thought(text))

    def _called(self, step: Step) -> AIMessageChunk | None:
        """The calls of tools, numbered behind the blocks of content, into whose list LangChain may lay them."""
        calls = [
            tool_call_chunk(name=call.name, args=call.arguments, id=call.id, index=self._blocks + place)
            for place, call in enumerate(step.tool_calls)
        ]
        return AIMessageChunk(content="", tool_call_chunks=calls) if calls else None

    def _of_kind(self, kind: str) -> None:
        """Counts the blocks as LangChain does: what is of one kind in a row is one."""
        if kind != self._kind:
            self._kind, self._blocks = kind, self._blocks + 1


def _thought(text: str) -> dict[str, Any]:
    """Reasoning where LangChain looks for it in the messages of other providers, for `content_blocks` too."""
    return {"reasoning_content": text}


def _calls(run: Run) -> tuple[list[LangChainCall], list[InvalidToolCall]]:
    """The calls of tools, and those whose arguments are no JSON object."""
    calls: list[LangChainCall] = []
    invalid: list[InvalidToolCall] = []
    for call in run.tool_calls:
        try:
            parsed = parse_tool_call(call.openai(), return_id=True)
        except ValueError as error:
            invalid.append(make_invalid_tool_call(call.openai(), str(error)))
        else:
            calls.append(LangChainCall(**parsed))  # type: ignore[typeddict-item]
    return calls, invalid


def _usage(run: Run) -> UsageMetadata:
    """What the whole run cost; what is no part of the visible reply counts as reasoning."""
    spent = usage_of([run])
    return UsageMetadata(
        input_tokens=spent["prompt_tokens"],
        output_tokens=spent["completion_tokens"],
        total_tokens=spent["total_tokens"],
        input_token_details=InputTokenDetails(cache_read=spent["prompt_tokens_details"]["cached_tokens"]),
        output_token_details=OutputTokenDetails(reasoning=spent["completion_tokens_details"]["reasoning_tokens"]),
    )


def _about(run: Run) -> dict[str, Any]:
    """How the reply came about: plain JSON, so that any checkpointer can keep it."""
    about = {
        "model_name": model_name(run.model),
        "model_provider": PROVIDER,
        "finish_reason": finish_reason(run),
        "stopped_by": run.stopped_by,
        "route": list(run.route),
        "verified": run.verified,
        "llm_calls": run.usage.llm_calls,
        "run": run.id,
    }
    if run.usage.estimated_calls:
        about["estimated_calls"] = run.usage.estimated_calls
    return about
