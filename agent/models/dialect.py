"""Dialects: a Request as the keyword arguments that a LangChain integration understands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agent.models.reply import Capabilities, Request

Dialect = Callable[[Request, Capabilities], dict[str, Any]]


def native(request: Request, can: Capabilities) -> dict[str, Any]:
    """The models of this package: `ScriptedChatModel` and `EmbeddedChatModel`."""
    asked = plain(request, can) | {"seed": request.backend_seed}
    return asked | _logprobs(request, can) | _constraint(request, can)


def openai_compatible(request: Request, can: Capabilities) -> dict[str, Any]:
    """Servers that speak OpenAI's chat completions.

    `max_tokens` and `response_format` travel in the extra body: `ChatOpenAI` would rename the first to a
    field that many servers ignore, and would parse the reply itself on seeing the second.
    """
    body = {"max_tokens": request.max_tokens} | _constraint(request, can)
    asked = openai(request.model_copy(update={"json_schema": None}), can)
    del asked["max_tokens"]
    return asked | {"extra_body": body}


def openai(request: Request, can: Capabilities) -> dict[str, Any]:
    """OpenAI itself, where `ChatOpenAI` names the token limit as each model wants it."""
    asked = plain(request, can) | {"seed": request.backend_seed} | _logprobs(request, can)
    constraint = _constraint(request, can.model_copy(update={"grammar": False}))
    return asked | ({"extra_body": constraint} if constraint else {})


def ollama(request: Request, can: Capabilities) -> dict[str, Any]:
    """Ollama's own protocol, whose limits are `options`."""
    options: dict[str, Any] = {
        "num_predict": request.max_tokens,
        "temperature": request.temperature,
        "seed": request.backend_seed,
    }
    if request.stop:
        options["stop"] = list(request.stop)
    asked: dict[str, Any] = {"options": options}
    return asked | ({"format": request.json_schema} if request.json_schema and can.json_schema else {})


def google(request: Request, can: Capabilities) -> dict[str, Any]:
    """Google's models, which name the token limit differently."""
    asked = plain(request, can)
    return asked | {"max_output_tokens": asked.pop("max_tokens")}


def plain(request: Request, can: Capabilities) -> dict[str, Any]:
    """LangChain's standard parameters, for every other integration."""
    asked: dict[str, Any] = {"max_tokens": request.max_tokens, "temperature": request.temperature}
    return asked | ({"stop": list(request.stop)} if request.stop else {})


def _logprobs(request: Request, can: Capabilities) -> dict[str, Any]:
    if not (request.logprobs and can.logprobs):
        return {}
    top = {"top_logprobs": request.top_logprobs} if request.top_logprobs else {}
    return {"logprobs": True} | top


def _constraint(request: Request, can: Capabilities) -> dict[str, Any]:
    if request.grammar and can.grammar:
        return {"grammar": request.grammar}
    if request.json_schema is not None and can.json_schema:
        schema = {"name": "reply", "schema": request.json_schema, "strict": True}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    return {}
