"""Chat requests: the body of `/v1/chat/completions`, each field honoured or refused by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pilotage.agent.chat.conversation import read_messages
from pilotage.agent.chat.reply_fields import HARMLESS, PASSED_ON
from pilotage.agent.errors import UsageError
from pilotage.agent.messages import Message, ReplyOptions, ToolOffer
from pilotage.agent.serve.errors import ApiError
from pilotage.agent.serve.extras import OWN, Extras, extras_of

UNTAKEN = frozenset({"audio", "prediction", "web_search_options", "functions", "function_call"})
"""Fields that OpenAI has or had, and that have no meaning here."""
MOST_CHOICES = 16


@dataclass(frozen=True)
class ChatRequest:
    """What a client asks for.

    Attributes:
        n: how many replies.
        user: whom the client says it asks for.
        extras: what else stands under `pilotage`, for this server alone.
    """

    model: str
    messages: tuple[Message, ...]
    options: ReplyOptions
    stream: bool = False
    include_usage: bool = False
    n: int = 1
    user: str | None = None
    extras: Extras = field(default_factory=Extras)


def chat_request(body: Any) -> ChatRequest:
    """Reads a body.

    Raises:
        ApiError: 400 that names the field at fault.
    """
    if not isinstance(body, Mapping):
        raise ApiError(400, "the body is no JSON object")
    fields = {name: value for name, value in body.items() if value is not None}
    extras = fields.pop(OWN, {})
    if not isinstance(extras, Mapping):
        raise _wrong(OWN, "is an object")
    model, messages = fields.pop("model", ""), fields.pop("messages", None)
    if not isinstance(model, str) or not model:
        raise _wrong("model", "names a model")
    if not isinstance(messages, list) or not messages:
        raise _wrong("messages", "is a list of at least one message")
    stream = _flag(fields, "stream")
    stream_options = fields.pop("stream_options", {})
    if not isinstance(stream_options, Mapping):
        raise _wrong("stream_options", "is an object")
    n = _whole(fields, "n", 1, MOST_CHOICES)
    user = fields.pop("user", None)
    if not isinstance(user, str | None):
        raise _wrong("user", "is text")
    for name in HARMLESS & fields.keys():
        del fields[name]
    options = _options(fields)
    if unknown := sorted(fields.keys() & UNTAKEN):
        raise ApiError(400, f"`{unknown[0]}` is not taken here", param=unknown[0], code="unsupported_parameter")
    if fields:
        name = sorted(fields)[0]
        raise ApiError(400, f"`{name}` is no field of this request", param=name, code="unknown_parameter")
    try:
        read = read_messages(messages)
    except UsageError as error:
        raise ApiError(400, str(error), param=_param_in(str(error)), code="invalid_messages") from None
    include_usage = stream and bool(stream_options.get("include_usage"))
    return ChatRequest(model, read, options, stream, include_usage, n or 1, user, extras_of(extras))


def _options(fields: dict[str, Any]) -> ReplyOptions:
    """Takes the options of the reply out of the fields."""
    tools, choice = fields.pop("tools", None), fields.pop("tool_choice", None)
    parallel = fields.pop("parallel_tool_calls", None)
    offer = None
    if tools is not None and tools != []:
        if not isinstance(tools, list) or not all(map(_is_tool, tools)):
            raise _wrong("tools", "is a list of functions, each with a name")
        if not isinstance(choice, str | Mapping | None):
            raise _wrong("tool_choice", "is `none`, `auto`, `required`, or names a function")
        if not isinstance(parallel, bool | None):
            raise _wrong("parallel_tool_calls", "is true or false")
        offer = ToolOffer(tools=tuple(tools), choice=choice, parallel=parallel)
    elif choice not in (None, "none", "auto"):
        raise _wrong("tool_choice", "needs `tools`")
    most, newer = _whole(fields, "max_tokens", 1), _whole(fields, "max_completion_tokens", 1)
    stop = fields.pop("stop", ())
    stop = (stop,) if isinstance(stop, str) else tuple(stop) if isinstance(stop, list) else stop
    if not isinstance(stop, tuple) or not all(isinstance(one, str) and one for one in stop):
        raise _wrong("stop", "is text, or a list of texts")
    logprobs = _flag(fields, "logprobs")
    top = _whole(fields, "top_logprobs", 0, 20)
    if top is not None and not logprobs:
        raise _wrong("top_logprobs", "needs `logprobs`")
    return ReplyOptions(
        tools=offer,
        max_tokens=newer if newer is not None else most,
        temperature=_number(fields, "temperature", 0, 2),
        stop=stop,
        seed=_whole(fields, "seed", -(2**63), 2**63 - 1),
        logprobs=logprobs,
        top_logprobs=top or 0,
        more=_passed_on(fields),
    )


def _passed_on(fields: dict[str, Any]) -> dict[str, Any]:
    for name, least, most in (("top_p", 0, 1), ("frequency_penalty", -2, 2), ("presence_penalty", -2, 2)):
        if name in fields:
            fields[name] = _number(fields, name, least, most)
    wanted = fields.get("response_format")
    if wanted is not None and not (isinstance(wanted, Mapping) and isinstance(wanted.get("type"), str)):
        raise _wrong("response_format", "is an object with a type")
    return {name: fields.pop(name) for name in sorted(PASSED_ON & fields.keys())}


def _is_tool(tool: Any) -> bool:
    if not isinstance(tool, Mapping):
        return False
    if tool.get("type", "function") != "function":
        return True  # a tool of the provider's own, which it honours or refuses
    function = tool.get("function")
    return isinstance(function, Mapping) and isinstance(function.get("name"), str) and bool(function["name"])


def _flag(fields: dict[str, Any], name: str) -> bool:
    value = fields.pop(name, False)
    if not isinstance(value, bool):
        raise _wrong(name, "is true or false")
    return value


def _whole(fields: dict[str, Any], name: str, least: int, most: int | None = None) -> int | None:
    value = fields.pop(name, None)
    if value is not None and (type(value) is not int or value < least or (most is not None and value > most)):
        raise _wrong(name, f"is a whole number from {least}" + (f" to {most}" if most is not None else ""))
    return value


def _number(fields: dict[str, Any], name: str, least: float, most: float) -> float | None:
    value = fields.pop(name, None)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _wrong(name, "is a number")
    if not least <= value <= most:
        raise _wrong(name, f"is a number from {least:g} to {most:g}")
    return float(value)


def _wrong(name: str, due: str) -> ApiError:
    return ApiError(400, f"`{name}` is not as it should be: it {due}", param=name, code="invalid_value")


def _param_in(message: str) -> str:
    """The field that a sentence names between backticks."""
    return message.split("`")[1] if message.count("`") > 1 else "messages"
