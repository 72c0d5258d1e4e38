"""Credentials: what a model is let in with, made known before its endpoint can echo it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, SecretStr

from pilotage.agent.models.reply import Reply
from pilotage.common.redaction import is_credential, redact, remember, remember_address

CLIENT_WITHIN = 3
"""How deep a library's objects hold the HTTP client, each as `_client` of the one outside."""


def remember_keys(model: Any) -> None:
    """Makes known what credentials a LangChain object or a wrapping of some holds, and those that it will send.

    Some are had only when they are sent: where a function gives the key.
    """
    held = list(_held(model, set()))
    for name, value, in_headers in held:
        if isinstance(value, SecretStr):
            remember(value.get_secret_value())
        elif isinstance(value, str) and "://" in value:
            remember_address(value)
        elif isinstance(value, str) and (is_credential(name) or (in_headers and is_credential(name, anywhere=True))):
            _remember_header(value)
        elif (hooks := _request_hooks(value)) is not None and _note not in hooks:
            hooks.append(_note)


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


def _request_hooks(value: Any) -> list[Any] | None:
    """What an asynchronous HTTP client, inside a library's own, calls before each request."""
    for _ in range(CLIENT_WITHIN):
        if type(value).__module__ == "builtins":
            return None
        if any(kind.__name__ == "AsyncClient" and kind.__module__.startswith("httpx") for kind in type(value).__mro__):
            hooks: list[Any] = value.event_hooks["request"]
            return hooks
        value = getattr(value, "_client", None)
    return None


async def _note(request: Any) -> None:
    for name, value in request.headers.items():
        if is_credential(name):
            _remember_header(value)


def _remember_header(value: str) -> None:
    remember(*value.split()[-1:])  # without `Bearer`
