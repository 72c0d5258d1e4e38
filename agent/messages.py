"""Messages: what a conversation is made of, and what its caller wants of the reply, in OpenAI's terms."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_serializer, model_validator
from pydantic_core.core_schema import SerializerFunctionWrapHandler

Role = Literal["system", "developer", "user", "assistant", "tool"]
TEXT_PARTS = frozenset({"text", "input_text", "output_text"})
"""Types of content parts that are text."""


class ToolCall(BaseModel):
    """A call of one of the caller's tools; `arguments` is JSON as the model wrote it, valid or not."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    arguments: str = "{}"

    def openai(self) -> dict[str, Any]:
        """It in OpenAI's form."""
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": self.arguments}}


class Message(BaseModel):
    """One chat message.

    `content` is text, or content parts in OpenAI's form where some of them are no text. Parts of text alone are joined,
    a line each. What is not there is left out of the JSON.
    """

    model_config = ConfigDict(frozen=True)

    role: Role
    content: str | tuple[dict[str, Any], ...] = ""
    name: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""

    @model_validator(mode="before")
    @classmethod
    def _of_openai(cls, given: Any) -> Any:
        """Takes OpenAI's form too: null content, parts, calls with a `function` inside."""
        if not isinstance(given, Mapping):
            return given
        read = {name: value for name, value in given.items() if name in cls.model_fields and value is not None}
        if isinstance(content := read.get("content"), Sequence) and not isinstance(content, str):
            read["content"] = _joined(content)
        calls = read.get("tool_calls")
        if isinstance(calls, Sequence):
            read["tool_calls"] = [_flat(call) for call in calls]
        return read

    @model_serializer(mode="wrap")
    def _without_what_is_empty(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in dump(self).items() if value or name in ("role", "content")}

    @property
    def text(self) -> str:
        """The text in it."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(str(part.get("text", "")) for part in self.content if part.get("type") in TEXT_PARTS)

    @property
    def of_system(self) -> bool:
        """Whether it tells the model how to behave."""
        return self.role in ("system", "developer")

    def after(self, text: str) -> Message:
        """This message with a text before its own."""
        if isinstance(self.content, str):
            return self.model_copy(update={"content": f"{text}\n\n{self.content}".strip()})
        return self.model_copy(update={"content": ({"type": "text", "text": text}, *self.content)})

    def before(self, text: str) -> Message:
        """This message with a text after its own."""
        if isinstance(self.content, str):
            return self.model_copy(update={"content": f"{self.content}\n\n{text}".strip()})
        return self.model_copy(update={"content": (*self.content, {"type": "text", "text": text})})

    @property
    def others(self) -> tuple[str, ...]:
        """Types of the content parts that are no text, such as `image_url`."""
        parts = () if isinstance(self.content, str) else self.content
        return tuple(str(part.get("type")) for part in parts if part.get("type") not in TEXT_PARTS)

    @property
    def shown(self) -> str:
        """Its text; where it has none, what it holds instead."""
        return self.text if self.text.strip() else f"({', '.join(self.others) or 'empty'})"

    @property
    def written(self) -> str:
        """All that a model reads of it as text: its content and the tools that it calls."""
        return "\n".join([self.text, *(f"{call.name}({call.arguments})" for call in self.tool_calls)])

    def openai(self) -> dict[str, Any]:
        """It in OpenAI's form; a developer's message as the system's, which every server knows."""
        role = "system" if self.of_system else self.role
        content = self.content if isinstance(self.content, str) else list(self.content)
        message: dict[str, Any] = {"role": role, "content": content}
        if self.name:
            message["name"] = self.name
        if self.tool_calls:
            message["tool_calls"] = [call.openai() for call in self.tool_calls]
        if self.role == "tool":
            message["tool_call_id"] = self.tool_call_id
        return message


class ToolOffer(BaseModel):
    """The tools that a model may call in its reply, and how."""

    model_config = ConfigDict(frozen=True)

    tools: tuple[dict[str, Any], ...] = Field(min_length=1)
    choice: str | dict[str, Any] | None = None
    parallel: bool | None = None

    def openai(self) -> dict[str, Any]:
        """It as arguments of OpenAI's chat completions."""
        arguments: dict[str, Any] = {"tools": list(self.tools)}
        if self.choice is not None:
            arguments["tool_choice"] = self.choice
        if self.parallel is not None:
            arguments["parallel_tool_calls"] = self.parallel
        return arguments


class ReplyOptions(BaseModel):
    """How the reply to a conversation is to be written, in OpenAI's words; what is not set is left to the model.

    They hold for the reply alone: no block that works something out is given the tools, or bound to the form.

    Attributes:
        more: fields that are passed on as they are, such as `top_p`, `presence_penalty`, `logit_bias`,
            `response_format`, `reasoning_effort`.
        sample: number of the repeat, where several replies to one conversation are wanted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tools: ToolOffer | None = None
    max_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0)
    stop: tuple[str, ...] = ()
    seed: int | None = None
    logprobs: bool = False
    top_logprobs: int = Field(0, ge=0, le=20)
    more: dict[str, Any] = Field(default_factory=dict)
    sample: int = Field(0, ge=0)

    @property
    def formatted(self) -> bool:
        """Whether the reply is bound to a form, so that no word can be added to it."""
        wanted = self.more.get("response_format")
        return isinstance(wanted, Mapping) and wanted.get("type") not in (None, "text")


def _joined(parts: Sequence[Any]) -> Any:
    """Content parts as text, where they are nothing else; parts may be bare strings."""
    read = [{"type": "text", "text": part} if isinstance(part, str) else part for part in parts]
    # A mark of what a provider's cache is to keep stands on a part, and would be lost with it.
    if all(
        isinstance(part, Mapping) and part.get("type") in TEXT_PARTS and "cache_control" not in part for part in read
    ):
        return "\n".join(str(part.get("text") or "") for part in read)
    return read


def _flat(call: Any) -> Any:
    """A tool call without its `function`; the arguments as JSON, also where they were given parsed."""
    if not isinstance(call, Mapping):
        return call
    function = call.get("function")
    inner = function if isinstance(function, Mapping) else call
    arguments = inner.get("arguments", inner.get("args", "{}"))
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return {"id": call.get("id") or "", "name": inner.get("name"), "arguments": arguments}


def last_user(messages: Sequence[Message]) -> int | None:
    """Place of the last message of the user; None where there is none."""
    return next((place for place in reversed(range(len(messages))) if messages[place].role == "user"), None)


def alternating(messages: Sequence[Message]) -> Iterator[Message]:
    """A conversation as plain text for a model that is offered no tools: calls and results are told in words.

    The system's messages are left out: where they stand is for the prompt to say.
    """
    for message in messages:
        if message.of_system:
            continue
        if message.role == "tool":
            yield Message(role="user", content=f"A tool returned:\n{message.text}")
        elif message.tool_calls:
            yield Message(role="assistant", content=message.written.strip())
        elif message.role == "assistant":
            yield Message(role="assistant", content=message.text)
        else:
            yield Message(role="user", content=message.text)
