"""Credentials: what a model is let in with, made known before its endpoint can echo it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, SecretStr

from pilotage.agent.models.reply import Reply
from pilotage.agent.models.transport.pooling import http_client
from pilotage.common.redaction import is_credential, redact, remember, remember_address


def remember_keys(model: Any) -> None:
    """Makes known what credentials a LangChain object or a wrapping of some holds, and those that it will send.

    Some are had only when they are sent: where a function gives the key.
    """
    for name, value, in_headers in list(_held(model, set())):
        if isinstance(value, SecretStr):
            remember(value.get_secret_value())
        elif isinstance(value, str) and "://" in value:
            remember_address(value)
        elif isinstance(value, str) and (is_credential(name) or (in_headers and is_credential(name, anywhere=True))):
            _remember_header(value)
        elif (client := http_client(value)) is not None and _note not in client.event_hooks["request"]:
            client.event_hooks["request"].append(_note)


def holds(model: Any, key: str) -> bool:
    """Whether a LangChain object has a key as one of its secrets."""
    return any(isinstance(value, SecretStr) and value.get_secret_value() == key for _, value, _ in _held(model, set()))


def without_keys(reply: Reply) -> Reply:
    """A reply that echoes no credential, and then has no log-probabilities, whose tokens would spell it."""
    text, thinking = redact(reply.text), redact(reply.thinking)
    if (text, thinking) == (reply.text, reply.thinking):
        return reply
    return reply.model_copy(update={"text": text, "thinking": thinking, "logprobs": None})


def _held(holder: Any, seen: set[int], name: str = "", in_headers: bool = False) -> Iterator[tuple[str, Any, bool]]:
    """Everything in models, their wrappings and their settings: its name, the value, whether it is one of headers."""
    if id(holder) in seen:
        return
    if isinstance(holder, BaseModel | Mapping):
        seen.add(id(holder))
        fields = holder if isinstance(holder, Mapping) else vars(holder)
        for key, value in list(fields.items()):
            yield from _held(value, seen, str(key), "headers" in name)
    elif isinstance(holder, list | tuple):
        for value in holder:
            yield from _held(value, seen, name, in_headers)
    else:
        yield name, holder, in_headers


async def _note(request: Any) -> None:
    for name, value in request.headers.items():
        if is_credential(name):
            _remember_header(value)


def _remember_header(value: str) -> None:
    remember(*value.split()[-1:])  # without `Bearer`
