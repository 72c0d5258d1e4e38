"""Content of spans: messages and programs in the conventions' form, told only where the environment asks for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pilotage.agent.telemetry.spans import captures_content
from pilotage.common.json_text import NotJson, read_json
from pilotage.common.redaction import redact
from pilotage.common.text import carriable

if TYPE_CHECKING:
    from pilotage.agent.messages import Message, ToolCall
    from pilotage.agent.models.reply import Reply


def captured(**content: Any) -> dict[str, str]:
    """Attributes of content as JSON, which is what a span can hold of it, by names with `__` for a dot.

    Nothing without leave, and never a secret that is known.
    """
    if not captures_content():
        return {}
    texts = {name.replace("__", "."): json.dumps(value, ensure_ascii=False) for name, value in content.items()}
    return {name: redact(carriable(text)) for name, text in texts.items()}


def input_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The messages that a model was sent, as `gen_ai.input.messages` has them."""
    return [{"role": message.role, "parts": [*_parts(message)]} for message in messages]


def output_messages(reply: Reply) -> list[dict[str, Any]]:
    """A reply as `gen_ai.output.messages` has it: what was thought, what was said, and calls of tools."""
    parts = [{"type": "reasoning", "content": reply.thinking}] if reply.thinking else []
    parts += [{"type": "text", "content": reply.text}] if reply.text else []
    parts += [_call(call) for call in reply.tool_calls]
    return [{"role": "assistant", "parts": parts, "finish_reason": reply.finish_reason}]


def _parts(message: Message) -> Iterator[dict[str, Any]]:
    if message.role == "tool":
        yield {"type": "tool_call_response", "id": message.tool_call_id, "response": message.text}
        return
    if message.text:
        yield {"type": "text", "content": message.text}
    yield from map(_call, message.tool_calls)


def _call(call: ToolCall) -> dict[str, Any]:
    try:
        arguments = read_json(call.arguments)
    except NotJson:
        arguments = call.arguments
    return {"type": "tool_call", "id": call.id, "name": call.name, "arguments": arguments}
