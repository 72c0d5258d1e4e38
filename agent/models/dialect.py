"""Dialects: a Request as the keyword arguments that a LangChain integration understands.

There is one for OpenAI's wire format, which many servers speak, one for the models of this package, and one for all
other classes, whose own fields say what they call things. Whatever an endpoint was found to refuse is left out or named
anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pilotage.agent.models.reply import Capabilities, Request

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

LIMIT_NAMES = (
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "num_predict",
    "max_new_tokens",
    "max_tokens_to_sample",
)
"""What classes and servers call the most tokens that a reply may have, the most usual first."""
SEED_NAMES = ("seed", "random_seed")


@dataclass(frozen=True)
class Terms:
    """What an endpoint was found to want otherwise; grows while it is asked, and never shrinks.

    Args:
        refused: features to leave out: `temperature`, `seed`, `stop`, `logprobs`, `json_schema`, `grammar`, `stream`,
            `stream_options`, `system`, a name of `LIMIT_NAMES`; `arguments` where a class takes no arguments by call.
        most_tokens: the highest token limit that it takes.
    """

    refused: frozenset[str] = frozenset()
    most_tokens: int | None = None

    def also(self, refused: Iterable[str] = (), most_tokens: int | None = None) -> Terms:
        """These terms and further ones."""
        limits = [limit for limit in (self.most_tokens, most_tokens) if limit is not None]
        return Terms(self.refused | frozenset(refused), min(limits, default=None))

    def limit_of(self, request: Request) -> int:
        """The token limit to send."""
        return request.max_tokens if self.most_tokens is None else min(request.max_tokens, self.most_tokens)


NO_TERMS = Terms()
_GENERAL_PACKAGES = frozenset({"langchain_core", "langchain_community", "langchain_classic"})


@dataclass(frozen=True)
class CallArguments:
    """A request as the arguments that one class takes.

    Args:
        options: keyword arguments of the call.
        fields: fields to set on a copy of the model, for classes whose calls do not take them as arguments.
        carries: the features in it, in the words of `Terms`.
        movable: those of them that the class has fields for, should its calls not take them as arguments.
    """

    options: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    carries: frozenset[str] = frozenset()
    movable: frozenset[str] = frozenset()


Dialect = Callable[[Request, Capabilities, Terms], CallArguments]


def native(request: Request, can: Capabilities, terms: Terms = NO_TERMS) -> CallArguments:
    """The models of this package: `ScriptedChatModel` and `EmbeddedChatModel`."""
    asked: dict[str, Any] = {"max_tokens": request.max_tokens, "temperature": request.temperature}
    stop = {"stop": list(request.stop)} if request.stop else {}
    features = _logprobs(request, can) | _constraint(request, can)
    return CallArguments(asked | stop | {"seed": request.backend_seed} | features, {}, _features(features))


def openai_compatible(
    request: Request, can: Capabilities, terms: Terms = NO_TERMS, *, names: tuple[str, str] = LIMIT_NAMES[:2]
) -> CallArguments:
    """Servers that speak OpenAI's chat completions.

    `max_tokens` and `response_format` travel in the extra body: `ChatOpenAI` would rename the first to a
    field that many servers ignore, and would parse the reply itself on seeing the second.

    Args:
        request: what to ask.
        can: what the endpoint can do.
        terms: what it refused so far.
        names: what it calls the token limit, the likelier name first.
    """
    asked: dict[str, Any] = {}
    body: dict[str, Any] = {}
    carries = set()
    limit = next((name for name in names if name not in terms.refused), None)
    if limit is not None:
        carries.add(limit)
        # `ChatOpenAI` knows where `max_completion_tokens` belongs in each of OpenAI's two protocols.
        (body if limit == "max_tokens" else asked)["max_tokens"] = terms.limit_of(request)
    for feature, value in _sampling(request, ("seed",)).items():
        if feature not in terms.refused:
            asked[feature] = value
            carries.add(feature)
    body |= _constraint(request, can)
    asked |= _logprobs(request, can)
    if body:
        asked["extra_body"] = body
    return CallArguments(asked, {}, frozenset(carries) | _features(asked | body))


def openai(request: Request, can: Capabilities, terms: Terms = NO_TERMS) -> CallArguments:
    """OpenAI itself, which has no grammars and prefers `max_completion_tokens`."""
    no_grammar = can.model_copy(update={"grammar": False})
    return openai_compatible(request, no_grammar, terms, names=("max_completion_tokens", "max_tokens"))


def by_fields(model: BaseChatModel, bound: Mapping[str, Any] | None = None) -> Dialect:
    """Any LangChain chat model, by the names of its own fields.

    A temperature that its owner set stays, unless a block needs to sample; what its class has no field for, such as a
    seed, is not sent.

    Args:
        model: the chat model.
        bound: arguments that its owner bound to its calls.
    """
    names = field_names(model)
    # Its own field before an alias of it: that is what its calls and its copies take.
    limit = next((name for name in LIMIT_NAMES if name in type(model).model_fields), None)
    limit = limit or next((name for name in LIMIT_NAMES if name in names), "max_tokens")
    seeds = tuple(name for name in SEED_NAMES if name in names)
    fields = {limit: limit, "temperature": "temperature", "stop": "stop"} | ({"seed": seeds[0]} if seeds else {})
    keeps_temperature = has_own(model, "temperature", bound)
    keeps_stop = has_own(model, "stop", bound)
    takes_schema = "format" in names

    def arguments_of(request: Request, can: Capabilities, terms: Terms = NO_TERMS) -> CallArguments:
        sent: dict[str, tuple[str, Any]] = {limit: (limit, terms.limit_of(request))}
        for feature, value in _sampling(request, seeds).items():
            name = seeds[0] if feature == "seed" else feature
            sent[feature] = (name, value)
        if keeps_temperature and request.temperature == 0.0:
            del sent["temperature"]
        if keeps_stop:
            sent.pop("stop", None)
        if takes_schema and request.json_schema is not None and can.json_schema:
            sent["json_schema"] = ("format", request.json_schema)
        kept = {feature: pair for feature, pair in sent.items() if feature not in terms.refused}
        options = dict(kept.values())
        unset = _unset(model, fields, terms)
        owned = {feature: name for feature, (name, _) in kept.items() if name in type(model).model_fields}
        if "arguments" not in terms.refused:
            return CallArguments(options, unset, frozenset(kept), frozenset(owned))
        moved = {name: options.pop(name) for name in owned.values()}
        return CallArguments(options, unset | moved, frozenset(kept))

    return arguments_of


def dialect_of(model: BaseChatModel, bound: Mapping[str, Any] | None = None) -> Dialect:
    """The dialect of a chat model: its class's wire format where it tells, else that of its fields."""
    if isinstance(getattr(model, "capabilities", None), Capabilities):
        return native
    if speaks_openai(model):
        base = getattr(model, "openai_api_base", None)
        return _keeping(openai_compatible if base and "openai.com" not in base else openai, model, bound)
    return by_fields(model, bound)


def capabilities_of(model: BaseChatModel) -> Capabilities:
    """What a model says about itself, or what its class can at least pass on; what is refused later is left out."""
    claims = getattr(model, "capabilities", None)
    if isinstance(claims, Capabilities):
        return claims
    if speaks_openai(model):
        return Capabilities(logprobs=True, json_schema=True)
    return Capabilities(json_schema="format" in field_names(model))


def speaks_openai(model: BaseChatModel) -> bool:
    """Whether a class writes OpenAI's chat completions and passes on what it does not know."""
    return {"extra_body", "openai_api_base", "logprobs"} <= field_names(model)


def is_providers(model: BaseChatModel) -> bool:
    """Whether a class is of a provider's package for LangChain, or made from one: those tell why a reply ended."""
    packages = {kind.__module__.partition(".")[0] for kind in type(model).__mro__}
    return any(name.startswith("langchain_") for name in packages - _GENERAL_PACKAGES)


def field_names(model: BaseChatModel) -> frozenset[str]:
    """Names and aliases of a class's fields."""
    fields = type(model).model_fields
    return frozenset(fields) | {about.alias for about in fields.values() if about.alias}


def has_own(model: BaseChatModel, name: str, bound: Mapping[str, Any] | None = None) -> bool:
    """Whether its owner set a field, or bound it as an argument."""
    if bound and bound.get(name) is not None:
        return True
    return name in model.model_fields_set and getattr(model, name, None) is not None


def _keeping(dialect: Dialect, model: BaseChatModel, bound: Mapping[str, Any] | None) -> Dialect:
    """A dialect that leaves the owner's temperature and extra body as they are."""
    own_body = {**(getattr(model, "extra_body", None) or {}), **((bound or {}).get("extra_body") or {})}
    # Beside the limit of a request, one that its owner set would be sent under its second name.
    own_limit: dict[str, Any] = {"max_tokens": None} if getattr(model, "max_tokens", None) is not None else {}
    keeps_temperature = has_own(model, "temperature", bound)

    def keeping(request: Request, can: Capabilities, terms: Terms = NO_TERMS) -> CallArguments:
        arguments = dialect(request, can, terms)
        options = dict(arguments.options)
        if keeps_temperature and request.temperature == 0.0:
            options.pop("temperature", None)
        if own_body and "extra_body" in options:
            options["extra_body"] = own_body | options["extra_body"]
        unset = _unset(model, {name: name for name in ("temperature", "seed", "stop", "logprobs")}, terms)
        return CallArguments(options, own_limit | unset, arguments.carries)

    return keeping


def _unset(model: BaseChatModel, names: Mapping[str, str], terms: Terms) -> dict[str, Any]:
    """Fields to empty, because the class would send their values of itself although the endpoint refuses them.

    Args:
        model: the chat model.
        names: field names of the features.
        terms: what the endpoint refused.
    """
    refused = [name for feature, name in names.items() if feature in terms.refused]
    return {name: None for name in refused if getattr(model, name, None) is not None}


def _sampling(request: Request, seeds: tuple[str, ...]) -> dict[str, Any]:
    asked: dict[str, Any] = {"temperature": request.temperature}
    if request.stop:
        asked["stop"] = list(request.stop)
    return asked | ({"seed": request.backend_seed} if seeds else {})


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


def _features(sent: Mapping[str, Any]) -> frozenset[str]:
    known = {"logprobs": "logprobs", "response_format": "json_schema", "grammar": "grammar"}
    return frozenset(feature for name, feature in known.items() if name in sent)
