"""Chat requests: the body of `/v1/chat/completions`, each field honoured or refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pilotage.agent.chat.reply_fields import PASSED_ON
from pilotage.agent.messages import Message, ReplyOptions, ToolOffer
from pilotage.agent.serve.chat_messages import chat_messages
from pilotage.agent.serve.errors import ApiError
from pilotage.agent.serve.extras import Extras, extras_of
from pilotage.agent.serve.fields import Fields, untaken, wrong

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
    fields = Fields(body)
    extras, model, messages = extras_of(fields), fields.text("model", least=1), fields.take("messages")
    if model is None:
        raise wrong("model", "names a model")
    if not isinstance(messages, list) or not messages:
        raise wrong("messages", "is a list of at least one message")
    stream = fields.flag("stream") or False
    include_usage = _include_usage(fields, stream)
    n, user = fields.whole("n", 1, MOST_CHOICES), fields.text("user")
    _refuse(fields)
    options = _options(fields)
    fields.end()
    return ChatRequest(model, chat_messages(messages), options, stream, include_usage, n or 1, user, extras)


def _include_usage(fields: Fields, stream: bool) -> bool:
    options = fields.object("stream_options")
    include = options.flag("include_usage") or False
    if options.flag("include_obfuscation"):
        raise untaken("stream_options.include_obfuscation", "is not taken: chunks are not padded")
    options.end()
    if include and not stream:
        raise wrong("stream_options", "is for a stream: ask for one with `stream`, or leave it out")
    return include


def _refuse(fields: Fields) -> None:
    """Takes what is not honoured out of the fields, and refuses it where it asks for something."""
    if fields.flag("store"):
        raise untaken("store", "is not taken: completions are not kept; `/v1/responses` keeps what it answers")
    if fields.take("modalities") not in (None, ["text"]):
        raise untaken("modalities", 'is `["text"]` here, as all replies are')
    for name in sorted(UNTAKEN):
        if fields.take(name) is not None:
            raise untaken(name)
    fields.mapping("metadata")  # which changes nothing of a reply


def _options(fields: Fields) -> ReplyOptions:
    """Takes the options of the reply out of the fields."""
    most, newer = fields.whole("max_tokens", 1), fields.whole("max_completion_tokens", 1)
    if most is not None and newer is not None and most != newer:
        raise wrong("max_tokens", "is the older name of `max_completion_tokens`, which says something else: give one")
    stop = fields.take("stop")
    stop = (stop,) if isinstance(stop, str) else tuple(stop) if isinstance(stop, list) else stop or ()
    if not isinstance(stop, tuple) or not all(isinstance(one, str) and one for one in stop):
        raise wrong("stop", "is text, or a list of texts")
    logprobs, top = fields.flag("logprobs") or False, fields.whole("top_logprobs", 0, 20)
    if top is not None and not logprobs:
        raise wrong("top_logprobs", "needs `logprobs`")
    return ReplyOptions(
        tools=_offer(fields),
        max_tokens=newer if newer is not None else most,
        temperature=fields.number("temperature", 0, 2),
        stop=stop,
        seed=fields.whole("seed", -(2**63), 2**63 - 1),
        logprobs=logprobs,
        top_logprobs=top or 0,
        more=_passed_on(fields),
    )


def _offer(fields: Fields) -> ToolOffer | None:
    tools, choice, parallel = fields.take("tools"), fields.take("tool_choice"), fields.flag("parallel_tool_calls")
    if not isinstance(choice, str | Mapping | None):
        raise wrong("tool_choice", "is `none`, `auto`, `required`, or names a function")
    if tools is None or tools == []:
        if choice not in (None, "none", "auto"):
            raise wrong("tool_choice", "needs `tools`")
        return None
    if not isinstance(tools, list) or not all(map(_is_tool, tools)):
        raise wrong("tools", "is a list of functions, each with a name")
    return ToolOffer(tools=tuple(tools), choice=choice, parallel=parallel)


def _passed_on(fields: Fields) -> dict[str, Any]:
    ranges = (("top_p", 0, 1), ("frequency_penalty", -2, 2), ("presence_penalty", -2, 2))
    checked: dict[str, Any] = {name: fields.number(name, least, most) for name, least, most in ranges}
    checked["response_format"] = wanted = fields.take("response_format")
    if wanted is not None and not (isinstance(wanted, Mapping) and isinstance(wanted.get("type"), str)):
        raise wrong("response_format", "is an object with a type")
    passed = {name: fields.take(name) for name in sorted(PASSED_ON - checked.keys())}
    return {name: value for name, value in sorted((checked | passed).items()) if value is not None}


def _is_tool(tool: Any) -> bool:
    if not isinstance(tool, Mapping):
        return False
    if tool.get("type", "function") != "function":
        return True  # a tool of the provider's own, which it honours or refuses
    function = tool.get("function")
    return isinstance(function, Mapping) and isinstance(function.get("name"), str) and bool(function["name"])
