"""Completions: what a client library's chat completions give back, read as one choice, errors included.

`ChatOpenAI` and `ChatGroq` take the first choice of each chunk, whichever that is; they see neither an error that came
with status 200, nor a whole completion where a stream was asked for.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from pilotage.agent.models.transport.guard import current
from pilotage.agent.models.transport.retry import ServerError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


class FirstChoice:
    """Chat completions whose answers have their first choice alone; chunks come as plain data."""

    def __init__(self, completions: Any, *, raw: bool = False) -> None:
        self._completions = completions
        self._raw = raw

    async def create(self, **payload: Any) -> Any:
        """What the endpoint answers; raises ServerError where that is an error."""
        answer = await self._completions.create(**_untransformed(payload))
        read = _Stream if payload.get("stream") else _first_of
        return _Response(answer, read) if self._raw else read(answer)

    @property
    def with_raw_response(self) -> FirstChoice:
        """The same, with the response that parses to the answer."""
        return FirstChoice(self._completions.with_raw_response, raw=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._completions, name)


class _Response:
    def __init__(self, response: Any, read: Callable[[Any], Any]) -> None:
        self._response = response
        self._read = read

    def parse(self) -> Any:
        return self._read(self._response.parse())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._response, name)


def _untransformed(payload: dict[str, Any]) -> dict[str, Any]:
    """A payload whose messages the client sends as they are.

    They are plain JSON by then, and client libraries walk through every part of each message to make them so: a
    millisecond a message, in which the event loop does nothing else.
    """
    if not payload.get("messages"):
        return payload
    body = {**(payload.get("extra_body") or {}), "messages": payload["messages"]}
    return {**payload, "messages": [], "extra_body": body}


def read_first_choice(model: BaseChatModel) -> dict[str, Any]:
    """Fields to set on a copy of a model, so that it reads its first choice alone; none where it has no such client."""
    completions = getattr(model, "async_client", None)
    if isinstance(completions, FirstChoice) or not callable(getattr(completions, "create", None)):
        return {}
    return {"async_client": FirstChoice(completions)}


class _Stream:
    """A stream of chunks as dictionaries; closes the connection when it is left."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        if hasattr(stream, "_cast_to"):
            # Else the client library builds an object of each chunk, only for it to be taken apart again below.
            stream._cast_to = object

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stream.close()

    async def __aiter__(self) -> AsyncIterator[Any]:
        response = getattr(self._stream, "response", None)
        if response is not None and "json" in response.headers.get("content-type", ""):
            yield _as_chunk(json.loads(await response.aread()))
            return
        async for chunk in self._stream:
            if (chosen := _only_first(_no_error(chunk))) is not None:
                yield chosen


def _first_of(answer: Any) -> Any:
    """A whole answer with its first choice alone; raises ServerError for an error, ValueError for a text."""
    if isinstance(answer, str):  # client libraries pass on what is no JSON
        raise _of_a_text(answer)
    plain = _no_error(answer)
    _note_usage(plain)
    choices = plain.get("choices") if isinstance(plain, Mapping) else None
    if choices == []:
        raise ValueError("it sent a completion without a choice")
    if not isinstance(choices, list) or len(choices) < 2:
        return answer
    return _only_first(plain) or answer


def _of_a_text(text: str) -> Exception:
    """What to raise for a text where a completion should be: the first error in it, if it is a stream of events."""
    events = [line.removeprefix("data:") for line in text.splitlines() if line.startswith("data:")]
    for event in events:
        try:
            _no_error(json.loads(event))
        except ServerError as error:
            return error
        except (ValueError, RecursionError):  # `[DONE]`, or half an event
            continue
    return ValueError("it sent a stream that nobody asked for" if events else "it sent a text that is no JSON")


def _no_error(answer: Any) -> Any:
    """An answer as plain data, without a warning where its types are wrong.

    Raises ServerError for what a server says instead: under `error`, as such an object, or as a message alone.
    """
    plain = answer.model_dump(warnings=False) if hasattr(answer, "model_dump") else answer
    if isinstance(plain, Mapping) and not plain.get("choices"):
        error = plain.get("error")
        if error or plain.get("object") == "error" or isinstance(plain.get("message"), str):
            raise ServerError(error or dict(plain))
    return plain


def _note_usage(plain: Any) -> None:
    """Keeps the account of a whole answer, which is lost where a client library cannot read the rest."""
    if (reading := current.get()) is not None and isinstance(plain, Mapping):
        reading.usage = plain.get("usage")


def _only_first(plain: Any) -> Any:
    """An answer without other choices than the first; None where those are all it has."""
    choices = plain.get("choices") if isinstance(plain, Mapping) else None
    if not isinstance(choices, list) or not choices:
        return plain
    first = [choice for choice in choices if not isinstance(choice, Mapping) or choice.get("index") in (0, None)]
    return {**plain, "choices": first[:1]} if first else None


def _as_chunk(plain: Any) -> Any:
    """A whole completion as the one chunk of a stream."""
    whole = _only_first(_no_error(plain))
    _note_usage(whole)
    if not isinstance(whole, Mapping) or not isinstance(whole.get("choices"), list):
        raise ValueError("it sent JSON and no stream, and that is no completion")
    choices = [{**choice, "delta": choice.get("message")} for choice in whole["choices"] if isinstance(choice, Mapping)]
    return {**whole, "choices": choices}
