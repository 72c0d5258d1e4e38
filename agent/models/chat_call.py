"""Chat calls: a request to whatever LangChain takes for a chat model, as the arguments of the classes inside it.

`.bind()`, `.with_retry()`, `.with_config()`, `.with_fallbacks()` and chains wrap a chat model. The request is given to
the model inside, in its own dialect, and the wrapping is laid around it again, so that what its owner asked for holds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pilotage.agent.errors import UsageError
from pilotage.agent.messages import Message
from pilotage.agent.models import dialect
from pilotage.agent.models.dialect import LIMIT_NAMES, CallArguments, Terms
from pilotage.agent.models.parsing.finish_reasons import WHOLE
from pilotage.agent.models.reply import Capabilities, Request, UnusableReply
from pilotage.agent.models.transport import pooling
from pilotage.agent.models.transport.completions import read_first_choice
from pilotage.agent.models.transport.refused_parameters import WORDS
from pilotage.common.json_text import NotJson, read_json
from pilotage.common.text import carriable, carriable_data

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from langchain_core.runnables import Runnable


class WrappedModel:
    """A LangChain chat model, or a Runnable around one or several; raises UsageError where there is none in it."""

    def __init__(self, model: Runnable[Any, Any]) -> None:
        chosen_late = getattr(model, "_model", None)  # `init_chat_model` with configurable fields
        model = chosen_late() if callable(chosen_late) and not _is_chat_model(model) else model
        self.leaves = tuple(_leaves(model))
        if not self.leaves:
            raise UsageError(
                f"A {type(model).__name__} is no chat model and holds none; give a model string, a LangChain chat "
                "model, or a Runnable around one."
            )
        for leaf in self.leaves:
            pooling.keep_none(leaf)
        self._model = model

    @property
    def main(self) -> BaseChatModel:
        """The chat model that is asked first."""
        return self.leaves[0]

    @property
    def only(self) -> Any:
        """The chat model, where it is one that nothing is wrapped around."""
        return self._model if len(self.leaves) == 1 and self._model is self.main else None

    @property
    def capabilities(self) -> Capabilities:
        """What all the models inside can do."""
        can = [dialect.capabilities_of(leaf) for leaf in self.leaves]
        every = {name: all(getattr(one, name) for one in can) for name in Capabilities.model_fields}
        return Capabilities(**every)

    async def speaks_grammar(self) -> bool:
        """Whether the servers behind the models know GBNF grammars, as far as they have to be asked."""
        probes = [probe for leaf in self.leaves if (probe := getattr(leaf, "speaks_gbnf", None)) is not None]
        return all([await probe() for probe in probes])

    @property
    def thinking_tokens(self) -> int:
        """Tokens that the models inside were set to think with, where their classes count those in the limit."""
        settings = [getattr(leaf, "thinking", None) for leaf in self.leaves]
        return max((one.get("budget_tokens") or 0 for one in settings if isinstance(one, dict)), default=0)

    @property
    def address(self) -> str:
        """Where the model that is asked first sends its requests; empty where that cannot be seen."""
        return next(_addresses(self.main), "")

    @property
    def identity(self) -> str:
        """What sets the answers of this model apart, for the response cache."""
        return "|".join([*map(_identity, self.leaves), *_wrappings(self._model)])

    def call_for(self, request: Request, can: Capabilities, terms: Terms, *, streaming: bool = False) -> ChatCall:
        """What to call for this request, and what that call carries all in all."""
        can, streaming = can.less(terms.refused), streaming and "stream" not in terms.refused
        has_system = request.messages[0].of_system
        carries = {name for name, holds in (("stream", streaming), ("system", has_system)) if holds}
        movable: set[str] = set()
        wrapped = not _is_chat_model(self._model)
        # A wrapping may hide that a call does not take an argument: it tries again, or asks a fallback for good.
        own_terms = terms.also({"arguments"}) if wrapped else terms

        def put(leaf: BaseChatModel, bound: Mapping[str, Any]) -> tuple[BaseChatModel, dict[str, Any]]:
            arguments = dialect.arguments_for(leaf, bound, request, can, own_terms)
            carries.update(arguments.carries)
            movable.update(arguments.movable)
            fields, options = {**arguments.fields, **read_first_choice(leaf)}, dict(arguments.options)
            if pooling.takes_headers(leaf) and "extra_headers" not in terms.refused:
                options["extra_headers"] = {**(bound.get("extra_headers") or {}), **pooling.CLOSE}
                carries.add("extra_headers")
            if (bound.get("n") or getattr(leaf, "n", None) or 1) != 1:
                fields, options = fields | {"n": 1}, options | ({"n": 1} if "n" in bound else {})
            if streaming and dialect.speaks_openai(leaf):
                fields["stream_usage"] = "stream_options" not in terms.refused
                carries.add("stream_options")
            return (leaf.model_copy(update=fields) if fields else leaf), options

        model: Runnable[Any, Any]
        options: dict[str, Any] = {}
        if wrapped:
            refused = {word for feature in terms.refused & {*dialect.SAMPLING} for word in WORDS[feature]}
            model, _ = _rebuilt(self._model, put, {}, refused)
        else:
            model, options = put(self.main, {})
        sent = CallArguments({}, {}, frozenset(carries - terms.refused), frozenset(movable))
        return ChatCall(model, options, sent, streaming, "system" in terms.refused)


@dataclass(frozen=True)
class ChatCall:
    """A call: what to call, its keyword arguments, and what it carries.

    `one_role` asks to lay the system message into the user's, where the endpoint takes none.
    """

    model: Runnable[Any, Any]
    options: dict[str, Any]
    sent: CallArguments
    streaming: bool
    one_role: bool


_ADDRESS_FIELDS = ("openai_api_base", "base_url", "anthropic_api_url", "groq_api_base", "endpoint")

Put = Callable[["BaseChatModel", Mapping[str, Any]], tuple["BaseChatModel", dict[str, Any]]]


def _rebuilt(
    model: Any, put: Put, bound: Mapping[str, Any], refused: set[str]
) -> tuple[Runnable[Any, Any], frozenset[str]]:
    """The wrapping around what `put` makes of the chat models inside, and the arguments that those were given.

    What is bound further outside goes over a wrapping's own arguments; the refused ones fall away, whoever bound them.
    """
    if _is_chat_model(model):
        leaf, options = put(model, bound)
        return leaf.bind(**options), frozenset(options)
    own = _own_arguments(model)
    given: frozenset[str] = frozenset()
    changed: dict[str, Any] = {}
    for name, value, _ in _inside(model):
        several = isinstance(value, list | tuple)
        rebuilt = []
        for inner in value if several else [value]:
            if _holds_model(inner):
                inner, names = _rebuilt(inner, put, {**own, **bound}, refused)
                given |= names
            rebuilt.append(inner)
        changed[name] = rebuilt if several else rebuilt[0]
    if own:  # an argument of the wrapping goes over that of the same name inside, where it was heeded already
        heeded = given | (frozenset(LIMIT_NAMES) if given & {*LIMIT_NAMES, "extra_body"} else frozenset())
        changed["kwargs"] = {name: value for name, value in own.items() if name not in heeded | refused}
    return model.model_copy(update=changed), given


def _own_arguments(wrapping: Any) -> Mapping[str, Any]:
    """What a wrapping binds to each call."""
    own: Mapping[str, Any] = wrapping.kwargs if "kwargs" in type(wrapping).model_fields else {}
    return own


def _inside(model: Any) -> Iterator[tuple[str, Any, list[Any]]]:
    """Fields of a wrapping that hold chat models: name, value, and what in it is or holds one."""
    for name in getattr(type(model), "model_fields", ()):
        value = getattr(model, name)
        if holders := [one for one in (value if isinstance(value, list | tuple) else [value]) if _holds_model(one)]:
            yield name, value, holders


def _leaves(model: Any) -> list[BaseChatModel]:
    if _is_chat_model(model):
        return [model]
    return [leaf for _, _, holders in _inside(model) for inner in holders for leaf in _leaves(inner)]


def _holds_model(value: Any) -> bool:
    from langchain_core.runnables import Runnable

    return isinstance(value, Runnable) and (_is_chat_model(value) or any(True for _ in _inside(value)))


def _is_chat_model(value: Any) -> bool:
    from langchain_core.language_models import BaseChatModel

    return isinstance(value, BaseChatModel)


def _wrappings(model: Any) -> Iterator[str]:
    """What the wrapping itself decides, as text."""
    if _is_chat_model(model):
        return
    if own := _own_arguments(model):
        yield json.dumps(dict(own), sort_keys=True, default=str)
    for _, _, holders in _inside(model):
        for inner in holders:
            yield from _wrappings(inner)


def _identity(model: BaseChatModel) -> str:
    """What sets a chat model apart: what it says itself, or its parameters and whom it asks.

    A class of one's own is known by what it tells LangChain of itself, if it does. Of others every field counts that is
    plain and no matter of LangChain's own; they are hashed, because headers and addresses may hold credentials.
    """
    own = getattr(model, "identity", None)
    if isinstance(own, str):
        return own
    parameters = dict(model._identifying_params)
    if dialect.is_providers(model) or not parameters:
        parameters |= {name: value for name in _own_fields(model) if _is_plain(value := getattr(model, name, None))}
    if addresses := list(_addresses(model)):
        parameters["addresses"] = addresses
    named = getattr(model, "model_name", None) or getattr(model, "model", None)
    text = json.dumps(parameters, sort_keys=True, default=str)
    return f"{model._llm_type}:{named or ''}:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _own_fields(model: BaseChatModel) -> list[str]:
    """Fields of a class beside those of every chat model, and those that only say how long to try."""
    from langchain_core.language_models import BaseChatModel

    names = type(model).model_fields.keys() - BaseChatModel.model_fields.keys()
    return sorted(name for name in names if not name.endswith(("timeout", "retries")))


def _addresses(model: BaseChatModel) -> Iterator[str]:
    """Where a provider's clients send requests, also where the environment told them so and no field does."""
    if not dialect.is_providers(model):  # to be asked for its address may start a server
        return
    fields = [getattr(model, name, None) for name in _ADDRESS_FIELDS]
    addresses = {str(found) for found in (*fields, *map(_address, pooling.parts_of(model))) if found}
    yield from sorted(address for address in addresses if "://" in address)


def _address(holder: Any) -> Any:
    """Where an object that a model holds sends requests; what it has inside is asked only where it does not say.

    The HTTP client in it may be one that the library made for another address, and shares.
    """
    google = getattr(getattr(holder, "_api_client", None), "_http_options", None)
    places = (holder, getattr(holder, "_client", None), google)
    return next((address for place in places if (address := getattr(place, "base_url", None))), None)


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return value is not None


def messages_of(request: Request, *, one_role: bool = False) -> list[BaseMessage]:
    """LangChain's messages; with `one_role` the system's stands at the beginning of the user's first."""
    messages = list(request.messages)
    if one_role and len(messages) > 1 and messages[0].of_system and messages[1].role == "user":
        messages[:2] = [messages[1].after(messages[0].text)]
    return [_langchain(message) for message in messages]


def _langchain(message: Message) -> BaseMessage:
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

    kept = message.content
    content: Any = carriable(kept) if isinstance(kept, str) else carriable_data(kept)
    named = {"name": carriable(message.name)} if message.name else {}
    if message.of_system:
        return SystemMessage(content, **named)
    if message.role == "user":
        return HumanMessage(content, **named)
    if message.role == "tool":
        return ToolMessage(content, tool_call_id=message.tool_call_id, **named)
    calls: list[Any] = []
    unreadable: list[Any] = []
    for call in message.tool_calls:
        about = {"id": call.id, "name": carriable(call.name)}
        try:
            arguments = read_json(carriable(call.arguments))
        except NotJson:
            arguments = None
        if isinstance(arguments, dict):
            calls.append({"type": "tool_call", "args": arguments, **about})
        else:
            unreadable.append({"type": "invalid_tool_call", "args": call.arguments, "error": None, **about})
    return AIMessage(content, tool_calls=calls, invalid_tool_calls=unreadable, **named)


def message_of(output: Any) -> BaseMessage:
    """What a chat model or a chain around one gave back, as a message."""
    from langchain_core.messages import AIMessage, BaseMessage

    if isinstance(output, BaseMessage):
        return output
    if isinstance(output, str):  # a chain that ends in a parser of text, which takes away why the reply ended
        return AIMessage(output, response_metadata={"finish_reason": WHOLE})
    raise UnusableReply(
        f"The model gave back a {type(output).__name__} and no message; give the chat model without a parser behind it."
    )
