"""Requests: the body of `/v1/responses`, each field honoured or refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from pilotage.agent.messages import ReplyOptions
from pilotage.agent.serve.errors import ApiError
from pilotage.agent.serve.extras import Extras, extras_of
from pilotage.agent.serve.fields import Fields, untaken, wrong
from pilotage.agent.serve.responses.items import Item, read_items
from pilotage.agent.serve.responses.tools import Tools, read_tools
from pilotage.common.text import carriable_data

PASSED_ON = ("service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention")
"""Texts that go to the upstream as they are: it honours or refuses them."""
HARMLESS = ("client_metadata",)
"""Fields that change nothing of a response."""
INCLUDABLE = frozenset({"reasoning.encrypted_content", "message.input_image.image_url"})
"""What `include` may ask for: all there is of it is in the items anyway, and reasoning is shown to no later model."""
SUMMARIES = ("auto", "concise", "detailed")
MOST_METADATA, LONGEST_KEY, LONGEST_VALUE = 16, 64, 512


@dataclass(frozen=True)
class ResponsesRequest:
    """What a client asks for.

    Attributes:
        items: of the input, without those of a response that it continues.
        previous: id of that response.
        options: of the reply.
        tools: what may be called.
        user: whom the client says it asks for.
        extras: what stands under `pilotage`, for this server alone.
        told: settings as the response repeats them.
    """

    model: str
    items: tuple[Item, ...]
    instructions: str | None
    previous: str | None
    options: ReplyOptions
    tools: Tools
    stream: bool
    store: bool
    user: str | None
    extras: Extras = field(default_factory=Extras)
    told: Mapping[str, Any] = field(default_factory=dict)


def responses_request(body: Any) -> ResponsesRequest:
    """Reads a body.

    Raises:
        ApiError: 400 that names the field at fault.
    """
    if not isinstance(body, Mapping):
        raise ApiError(400, "the body is no JSON object")
    try:
        body = carriable_data(body)
        orjson.dumps(body)  # what is repeated in the response has to be written there
    except (TypeError, RecursionError) as error:
        raise ApiError(400, f"the body cannot be kept: {error}", code="invalid_json") from None
    fields = Fields(body)
    model = fields.text("model", least=1)
    if model is None:
        raise wrong("model", "names a model")
    previous, instructions = fields.text("previous_response_id", least=1), fields.text("instructions")
    items = read_items(given) if (given := fields.take("input")) is not None else []
    if not items and previous is None:
        raise wrong("input", "is text, or a list of at least one item")
    _refuse(fields)
    user, extras, metadata = fields.text("user"), extras_of(fields), _metadata(fields)
    stream, store = fields.flag("stream") or False, fields.flag("store")
    tools = read_tools(fields)
    options, told = _options(fields, tools)
    fields.end()
    told |= {
        "instructions": instructions,
        "metadata": metadata,
        "previous_response_id": previous,
        "store": store is not False,
        "tools": list(tools.told),
        "tool_choice": tools.choice,
        "parallel_tool_calls": tools.parallel,
        "user": user,
    }
    return ResponsesRequest(
        model=model,
        items=tuple(items),
        instructions=instructions,
        previous=previous,
        options=options,
        tools=tools,
        stream=stream,
        store=store is not False,
        user=user,
        extras=extras,
        told=told,
    )


def _refuse(fields: Fields) -> None:
    """Takes what is not honoured out of the fields, and refuses it where it asks for something."""
    if fields.flag("background"):
        raise untaken("background", "is not taken: this server answers while the client waits; leave it out")
    if fields.choice("truncation", ("auto", "disabled")) == "auto":
        raise untaken("truncation", "is `disabled` here: nothing of the input is left out")
    if fields.whole("top_logprobs", 0, 20):
        raise untaken("top_logprobs", "is not taken: a reply may come of several calls")
    for name in ("conversation", "prompt"):
        if fields.take(name) is not None:
            raise untaken(name, "is not taken: this server keeps responses alone; use `previous_response_id`")
    stream_options = fields.object("stream_options")
    if stream_options.flag("include_obfuscation"):
        raise untaken("stream_options.include_obfuscation", "is not taken: events are not padded")
    stream_options.end()
    check_include(fields.take("include"))
    for name in HARMLESS:
        fields.take(name)


def check_include(include: Any) -> None:
    """Refuses what a response cannot include. Raises ApiError."""
    if not isinstance(include, list | None) or not all(isinstance(one, str) for one in include or ()):
        raise wrong("include", "is a list of texts")
    if unknown := sorted(set(include or ()) - INCLUDABLE):
        raise untaken("include", f"asks for `{unknown[0]}`, which no response has here")


def _metadata(fields: Fields) -> dict[str, str]:
    given = fields.take("metadata") or {}
    bounded = isinstance(given, Mapping) and len(given) <= MOST_METADATA
    if not bounded or not all(
        isinstance(value, str) and len(key) <= LONGEST_KEY and len(value) <= LONGEST_VALUE
        for key, value in given.items()
    ):
        limits = f"keys of at most {LONGEST_KEY} and texts of at most {LONGEST_VALUE} characters"
        raise wrong("metadata", f"is an object of at most {MOST_METADATA} {limits}")
    return dict(given)


def _options(fields: Fields, tools: Tools) -> tuple[ReplyOptions, dict[str, Any]]:
    """The options of the reply, and what a response repeats of them.

    A response has to name a temperature and a `top_p`; where none was asked for it names OpenAI's default of 1, and the
    model has its own.
    """
    temperature, top_p = fields.number("temperature", 0, 2), fields.number("top_p", 0, 1)
    penalties = {name: fields.number(name, -2, 2) for name in ("presence_penalty", "frequency_penalty")}
    most = fields.whole("max_output_tokens", 1)
    calls = fields.whole("max_tool_calls", 1)  # of tools that a server runs, which this one has none of
    passed = {name: fields.text(name) for name in PASSED_ON}
    text = fields.object("text")
    form, verbosity = text.take("format"), text.choice("verbosity", ("low", "medium", "high"))
    text.end()
    response_format = _response_format(form)
    if response_format is not None and response_format["type"] == "json_schema":
        form = {"description": None, "strict": False, **{k: v for k, v in form.items() if v is not None}}
    reasoning = fields.object("reasoning")
    effort, summary = reasoning.text("effort", least=1), reasoning.choice("summary", SUMMARIES)
    reasoning.end()
    more = {
        "top_p": top_p,
        **penalties,
        **passed,
        "verbosity": verbosity,
        "response_format": response_format,
        "reasoning_effort": effort,
    }
    told = {
        "max_output_tokens": most,
        "max_tool_calls": calls,
        "reasoning": {"effort": effort, "summary": summary},
        "temperature": 1.0 if temperature is None else temperature,
        "top_p": 1.0 if top_p is None else top_p,
        **{name: value or 0.0 for name, value in penalties.items()},
        **passed,
        "service_tier": passed["service_tier"] or "default",
        "text": {"format": form or {"type": "text"}, **({"verbosity": verbosity} if verbosity else {})},
    }
    set_ones = {name: value for name, value in more.items() if value is not None}
    return ReplyOptions(tools=tools.offer, max_tokens=most, temperature=temperature, more=set_ones), told


def _response_format(form: Any) -> dict[str, Any] | None:
    """The form of the reply as the chat protocol has it; None for plain text."""
    if form is None:
        return None
    if not isinstance(form, Mapping):
        raise wrong("text.format", "is an object with a type")
    fields = Fields(form, "text.format.")
    kind = fields.choice("type", ("text", "json_object", "json_schema"))
    if kind is None:
        raise wrong("text.format.type", "is `text`, `json_object` or `json_schema`")
    if kind != "json_schema":
        fields.end()
        return None if kind == "text" else {"type": kind}
    name, schema = fields.text("name", least=1), fields.take("schema")
    if name is None or not isinstance(schema, Mapping):
        raise wrong("text.format", "has a name and a schema")
    more = {"description": fields.text("description"), "strict": fields.flag("strict")}
    fields.end()
    inner = {"name": name, "schema": schema, **{key: value for key, value in more.items() if value is not None}}
    return {"type": kind, "json_schema": inner}
