"""Writer: how this package asks for text without knowing who writes it, and how it reads the reply.

A reply is untrusted: it may be a refusal, an error page, half a JSON object, or what a poisoned task asked for.
Nothing in it counts before it has been read as one JSON object of a bounded size and its fields have been checked.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Protocol

_LONGEST = 8_000


@dataclass(frozen=True)
class WritingRequest:
    """What a writer is asked: stable text first, then the task; the reply should match the JSON schema."""

    system: str
    prompt: str
    json_schema: dict[str, Any]
    max_tokens: int


class Writer(Protocol):
    """Text in, text out: usually one call of a language model. What it raises goes through to the caller."""

    async def __call__(self, request: WritingRequest) -> str:
        """The reply, as text."""
        ...


async def ask(
    writer: Writer, system: str, prompt: str, max_tokens: int, **properties: dict[str, Any]
) -> dict[str, Any] | None:
    """The JSON object in a writer's reply, None where there is none that can be read. Its values are still unchecked.

    Args:
        writer: who is asked.
        system: stable text.
        prompt: the task.
        max_tokens: of the reply.
        properties: JSON schemas of the object's properties, all of which are required, and no others allowed.
    """
    json_schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    reply = await writer(WritingRequest(system, prompt, json_schema, max_tokens))
    if len(reply) > _LONGEST:
        return None
    outermost = re.search(r"\{.*\}", reply, re.DOTALL)
    try:
        data = json.loads(outermost.group()) if outermost else None
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None
