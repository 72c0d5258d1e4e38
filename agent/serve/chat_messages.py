"""Chat messages: those of a request's body, each field of them honoured or refused by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pilotage.agent.chat.conversation import read_messages
from pilotage.agent.errors import UsageError
from pilotage.agent.messages import TEXT_PARTS, Message
from pilotage.agent.serve.errors import ApiError
from pilotage.agent.serve.fields import Fields

READ = ("role", "content", "name", "tool_calls", "tool_call_id")
THOUGHTS = ("reasoning_content", "reasoning")
"""What was thought before an earlier reply: clients send back what they were sent, and no model is shown it again."""
KEPT_BY_LITELLM = "provider_specific_fields"
"""Where LiteLLM keeps, and sends back, what of a reply it has no field of its own for."""
OF_A_PART = ("type", "text", "cache_control")
OF_A_CALL = ("id", "type", "index", "name", "arguments", "args")
"""Of a call of a tool, with its function's own beside it; the place in a stream's list says nothing more."""


def chat_messages(given: Sequence[Any]) -> tuple[Message, ...]:
    """The messages of a conversation. What an assistant refused to do is what it said.

    Raises:
        ApiError: 400 that names the field at fault.
    """
    read = [_checked(message, f"messages.{place}.") for place, message in enumerate(given)]
    try:
        return read_messages(read)
    except UsageError as error:
        raise ApiError(400, str(error), param=_param_in(str(error)), code="invalid_messages") from None


def _checked(message: Any, where: str) -> Any:
    if not isinstance(message, Mapping):
        return message
    fields = Fields(message, where)
    read = {name: fields.take(name) for name in READ}
    refusal = fields.text("refusal")
    for part in (fields, fields.object(KEPT_BY_LITELLM)):
        for name in THOUGHTS:
            part.take(name)
        part.end()
    for name, check in (("content", _check_part), ("tool_calls", _check_call)):
        if isinstance(read[name], list):
            for place, one in enumerate(read[name]):
                check(one, f"{where}{name}.{place}.")
    return read | {"content": refusal} if refusal and not read["content"] else read


def _check_part(part: Any, where: str) -> None:
    """Parts of text become one text, so that what else stands in them would be lost; others go up as they are."""
    if isinstance(part, Mapping) and part.get("type") in TEXT_PARTS:
        _only(part, OF_A_PART, where)


def _check_call(call: Any, where: str) -> None:
    if isinstance(call, Mapping):
        own = {name: value for name, value in call.items() if name != "function"}
        _only(own, OF_A_CALL, where)
        if isinstance(function := call.get("function"), Mapping):
            _only(function, OF_A_CALL, f"{where}function.")


def _only(given: Mapping[str, Any], names: Sequence[str], where: str) -> None:
    fields = Fields(given, where)
    for name in names:
        fields.take(name)
    fields.end()


def _param_in(message: str) -> str:
    """The field that a sentence names between backticks."""
    return message.split("`")[1] if message.count("`") > 1 else "messages"
